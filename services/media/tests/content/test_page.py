import re

import pytest

from intertie_media.content.page import POLICY, page_routes
from intertie_media.web import application
from services.media.tests.kit import client

pytestmark = pytest.mark.anyio
APP = application(page_routes())


async def test_the_page_is_open_and_strict() -> None:
    """No token is needed to see it; it runs its own scripts only."""
    async with client(APP) as http:
        answer = await http.get("/")

    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_all_that_the_page_asks_for_is_there() -> None:
    """Every script, style and picture that a file of the page names."""
    async with client(APP) as http:
        html = (await http.get("/")).text
        wanted = set(re.findall(r'(?:src|href)="([a-z][\w./-]*)"', html))
        seen = set[str]()
        while wanted - seen:
            name = (wanted - seen).pop()
            seen.add(name)
            answer = await http.get(f"/{name}")
            assert answer.status_code == 200, name
            if name.endswith(".js") and not name.endswith(".min.js"):
                wanted |= set(re.findall(r'(?:from|import)\(? ?"\./([\w./-]+)"', answer.text))

    assert {"app.js", "style.css", "upload.js", "vendor/hls.min.js"} <= seen


async def test_nothing_of_the_page_breaks_its_own_policy() -> None:
    """No inline script, style or handler, which the policy would block."""
    async with client(APP) as http:
        html = (await http.get("/")).text

    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script>|javascript:", html)


async def test_an_unchanged_file_is_not_sent_again() -> None:
    """A reload costs little, and an update is seen at once."""
    async with client(APP) as http:
        first = await http.get("/app.js")
        again = await http.get("/app.js", headers={"if-none-match": first.headers["etag"]})

    assert first.headers["cache-control"] == "no-cache"
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["/nope.js", "/vendor", "/../settings.py", "/%2e%2e/settings.py"])
async def test_only_files_of_the_page_are_served(path: str) -> None:
    """There is one route a file, and no other."""
    async with client(APP) as http:
        assert (await http.get(path)).status_code == 404
