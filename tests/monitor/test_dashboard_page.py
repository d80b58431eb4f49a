"""The dashboards' page: one file, nothing from elsewhere, no figure in it."""

import base64
import hashlib
import re

from intertie.monitor.dashboard_page import PAGE, POLICY


def block(tag: str) -> str:
    """The only element of that kind."""
    (found,) = re.findall(rf"<{tag}>(.*?)</{tag}>", PAGE, re.DOTALL)
    return str(found)


def test_only_its_own_script_and_style_may_run() -> None:
    """By their hashes; what somebody smuggles in does not."""
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        digest = hashlib.sha256(block(tag).encode()).digest()
        assert f"{directive} 'sha256-{base64.b64encode(digest).decode()}';" in POLICY
    assert POLICY.startswith("default-src 'none';")
    assert "unsafe" not in POLICY
    assert "connect-src 'self'" in POLICY


def test_nothing_comes_from_elsewhere() -> None:
    """The only address in it names a format."""
    assert re.findall(r"https?://[^'\"` ]+", PAGE) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"<(img|iframe|object|script [^>]*src)", PAGE)
    assert not re.search(r"\son\w+=|\sstyle=", PAGE.replace(block("script"), ""))


def test_answers_become_text_never_markup() -> None:
    """The script has no way to make elements of a text."""
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval", block("script")
    )
