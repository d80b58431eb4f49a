"""The page: everything of the document, nothing of it alive."""

import base64
import hashlib
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from intertie.control.asyncapi_page import POLICY, page
from intertie.suite.bus import QueueType
from tests.control.asyncapi_documents import EVIL, made, server, topics

ADDRESS = "http://suite.test/asyncapi"


@pytest.fixture(scope="module")
def html() -> str:
    """Of a suite with topics of every kind."""
    return page(made(server(), topics()))


class Seen(HTMLParser):
    """Tags, attributes and text, as a browser would have them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """What is alive would be seen here."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        found = dict(attrs)
        self.links += [value for name in ("href", "src") if (value := found.get(name))]
        self.ids += [value for value in [found.get("id")] if value]

    def handle_data(self, data: str) -> None:
        """What people read."""
        self.text += data


def test_what_the_document_says_is_text(html: str) -> None:
    """Nobody's description becomes a tag, an attribute or a script."""
    seen = Seen(html)

    assert EVIL in seen.text
    assert not {"script", "img", "iframe"} & seen.tags
    assert not [name for name in seen.attributes if name.startswith("on") or name == "style"]


def test_nothing_is_fetched(html: str) -> None:
    """All links lead into the page, or to the document."""
    seen = Seen(html)

    assert set(seen.links) - {"data:,", "asyncapi.json"} == {f"#{each}" for each in seen.ids}
    assert not re.search(r"url\(|@import", html)


def test_the_policy_knows_the_page_s_style(html: str) -> None:
    """By its hash: no other style counts, and nothing else at all."""
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert f"style-src 'sha256-{digest}'" in POLICY
    assert POLICY.startswith("default-src 'none'")


def test_each_topic_is_told_in_full(html: str) -> None:
    """Who, which way, where, in which order, and with which fields."""
    section = html[html.index('id="topic-asset.processed"') :].partition("</section>")[0]
    text = Seen(f"<h2 {section}").text

    for told in ("the suite sends", "encode", "the suite reads", "library, search", "owner.mail"):
        assert told in text
    for told in ("data.id", "high, normal, low", "{suite_events}:s:asset.processed", "Its name."):
        assert told in text
    assert '"specversion": "1.0"' in text


def test_a_command_leads_to_its_answer(html: str) -> None:
    """And is the suite's to read."""
    section = html[html.index('id="topic-suite.control.start"') :].partition("</section>")[0]
    text = Seen(f"<h2 {section}").text

    assert "suite.control.answer" in text
    assert "the suite reads" in text
    assert "the suite sends" not in text


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        (QueueType.RABBITMQ, "routing key of exchange suite_events"),
        (QueueType.KAFKA, "suite_events.evil"),
        (QueueType.NATS, "suite_events.t.evil"),
        (QueueType.MEMORY, "no other program reaches it"),
    ],
)
def test_each_engine_is_told_of(engine: QueueType, told: str) -> None:
    """In its own words."""
    assert told in Seen(page(made(server(engine), topics()))).text


def test_an_empty_document_has_a_page() -> None:
    """Whatever is not there is not told."""
    assert "No topics." in page({})


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("no chromium; install the Debian package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser, html: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page under its policy, 400 px wide; complaints and requests of its own fail the test."""
    context = browser.new_context(
        viewport={"width": 400, "height": 800}, color_scheme=request.param
    )
    tab = context.new_page()
    faults: list[str] = []
    tab.on("console", lambda said: faults.append(said.text))
    tab.on("pageerror", lambda fault: faults.append(str(fault)))
    tab.on("dialog", lambda dialog: faults.append(dialog.message))

    def answer(route: Route) -> None:
        if route.request.url == ADDRESS:
            headers = {"content-security-policy": POLICY, "content-type": "text/html"}
            route.fulfill(body=html, headers=headers)
        else:
            faults.append(route.request.url)
            route.abort()

    tab.route("**/*", answer)
    tab.goto(ADDRESS)
    yield tab
    context.close()
    assert faults == []


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("opened", ["light", "dark"], indirect=True)
def test_a_browser_shows_every_topic(opened: Page) -> None:
    """On a phone's width, in both colour schemes, with nothing wider than the page."""
    headings = opened.locator("h2")

    assert headings.count() >= len(topics()) + 10
    for heading in headings.all():
        assert heading.is_visible()
    width = opened.evaluate("document.documentElement.scrollWidth")
    assert width <= 400
    opened.click("nav a[href='#topic-evil']")
    opened.wait_for_url(f"{ADDRESS}#topic-evil")
    assert opened.url.endswith("#topic-evil")


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("opened", ["light", "dark"], indirect=True)
def test_the_style_is_in_use(opened: Page, request: pytest.FixtureRequest) -> None:
    """The policy lets it through, and the colours are those of the scheme."""
    back = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    scheme = request.node.callspec.params["opened"]

    assert back == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}[scheme]
