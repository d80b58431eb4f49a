"""What browsers are shown."""

import base64
import hashlib
import re

import pytest

from intertie.api.login import pages

EVIL = '"><script>alert(1)</script>'


@pytest.mark.parametrize(
    "html",
    [
        pages.page(EVIL),
        pages.alert(EVIL),
        pages.paragraph(EVIL),
        pages.link(EVIL, EVIL),
        pages.form(EVIL, button=EVIL),
        pages.hidden(name=EVIL),
        pages.field(EVIL, EVIL, value=EVIL),
        pages.choice(EVIL, EVIL, [(EVIL, EVIL)]),
        pages.passkey(EVIL, "", EVIL, button=EVIL),
        pages.bullets([EVIL]),
        pages.onward(EVIL),
    ],
)
def test_what_others_say_is_text(html: str) -> None:
    """Nobody's name or address becomes a tag."""
    assert "<script>alert" not in html
    assert EVIL not in html


def test_the_policy_knows_style_and_script() -> None:
    """By their hashes: no others count."""
    html = pages.page("Title", script=True)
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    hashes = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (style, script)
    ]

    assert all(f"'sha256-{each}'" in pages.policy(script=True) for each in hashes)
    assert "script-src" not in pages.policy()
    assert "unsafe" not in pages.policy(script=True, form_to="https://idp.test")


def test_nothing_is_fetched_from_elsewhere() -> None:
    """Neither pictures nor fonts nor styles."""
    assert not re.search(r"url\(|@import|src=|<link", pages.page("Title", script=True))


def test_nothing_wrong_says_nothing() -> None:
    """No empty box."""
    assert pages.alert("") == ""
