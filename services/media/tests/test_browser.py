"""The page in a real browser, in front of the whole suite."""

import re
import shutil
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FilePayload, Page, Response, Route, expect, sync_playwright

from services.media.tests import samples
from services.media.tests.suite import MediaSuite, media_suite

pytestmark = [pytest.mark.slow, pytest.mark.browser]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
]
PLAYABLE_MS = 20_000
READY_MS = 90_000


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MediaSuite]:
    """One for all tests here."""
    with media_suite(tmp_path_factory.mktemp("suite")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("no chromium; install the Debian package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh tab; whatever the page's scripts or its policy complain of fails the test."""
    context = browser.new_context()
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.on("console", lambda said: faults.append(said.text) if "Policy" in said.text else None)
    yield page
    context.close()
    assert faults == []


def sign_in(page: Page, suite: MediaSuite, user: str) -> None:
    """By the address, as the demo prints it."""
    page.goto(f"{suite.gateway}/#token={suite.token(user)}")
    expect(page.locator("#library")).to_be_visible()


def payload(name: str, data: bytes) -> FilePayload:
    """A file that is on no disk."""
    return {"name": name, "mimeType": "video/mp4", "buffer": data}


def video(page: Page, what: str) -> float:
    """A number that the video element tells."""
    found: float = page.evaluate(f"document.querySelector('#video').{what}")
    return found


def until(page: Page, holds: str, within_s: float = 20) -> None:
    """Wait for the video; `wait_for_function` would need what the page's policy forbids."""
    deadline = time.monotonic() + within_s
    while not page.evaluate(f"(video => {holds})(document.querySelector('#video'))"):
        assert time.monotonic() < deadline, f"not within {within_s} s: {holds}"
        page.wait_for_timeout(20)


def test_a_real_video_plays_and_seeks(page: Page, suite: MediaSuite) -> None:
    """Uploaded, playable while the rest is made, played, sought, and ready in the end."""
    sign_in(page, suite, "ann")
    page.set_input_files("#files", samples.screen_video("mp4"))
    card = page.locator(".card")
    expect(card.locator(".title")).to_have_text("movie-hello", timeout=PLAYABLE_MS)
    expect(card.locator(".poster")).to_be_enabled(timeout=PLAYABLE_MS)

    card.locator(".poster").click()
    until(page, "video.videoWidth > 0 && video.currentTime > 0.2")
    began = video(page, "currentTime")
    until(page, f"video.currentTime > {began} + 0.5")

    expect(card).to_have_attribute("data-status", "ready", timeout=READY_MS)
    expect(page.locator("#quality option")).to_have_count(3)
    until(page, "video.duration > 8")
    page.evaluate("document.querySelector('#video').currentTime = 6")
    until(page, "!video.seeking && video.readyState >= 3 && video.currentTime >= 6")
    until(page, "video.currentTime > 6.2")
    assert video(page, "currentTime") < 8
    assert page.evaluate("document.querySelector('#video').error") is None


def test_the_phone_video_gets_its_poster_and_its_ladder(page: Page, suite: MediaSuite) -> None:
    """1080p, with a picture on the card, and no second upload row left."""
    sign_in(page, suite, "pat")
    page.set_input_files("#files", samples.phone_video())
    card = page.locator(".card")

    expect(card).to_have_attribute("data-status", "ready", timeout=READY_MS)
    expect(card.locator(".chip")).to_have_text("1080p")
    expect(card.locator("img")).to_be_visible()
    expect(page.locator(".upload")).to_have_count(0)
    card.locator(".poster").click()
    until(page, "video.videoHeight > 0 && video.ended")


def test_the_token_leaves_the_address_and_lasts_for_the_tab(page: Page, suite: MediaSuite) -> None:
    """Nobody finds it in the history, and a reload does not ask again."""
    sign_in(page, suite, "bob")

    assert "#" not in page.url
    page.reload()
    expect(page.locator("#user")).to_contain_text("bob")
    page.click("#leave")
    expect(page.locator("#sign-in")).to_be_visible()


def test_a_token_can_be_pasted(page: Page, suite: MediaSuite) -> None:
    """What is none is told so at once."""
    page.goto(suite.gateway)
    page.fill("#token", "certainly not")
    page.click("#sign-in button")
    expect(page.locator("#token-fault")).to_contain_text("not a token")

    page.fill("#token", suite.token("eve"))
    page.click("#sign-in button")

    expect(page.locator("#empty")).to_be_visible()


def test_a_refused_file_says_why_on_its_card(page: Page, suite: MediaSuite) -> None:
    """In the words of the engine; the video can be deleted, after a question."""
    sign_in(page, suite, "kim")
    page.set_input_files("#files", payload("film.mp4", b"no film at all\n" * 99))
    card = page.locator(".card")

    expect(card).to_have_attribute("data-status", "failed", timeout=PLAYABLE_MS)
    expect(card.locator(".state")).to_contain_text("cannot")
    card.locator(".delete").click()
    expect(page.locator("#ask")).to_contain_text("film")
    page.click("#ask-yes")

    expect(page.locator("#empty")).to_be_visible()


def test_an_upload_goes_on_after_the_connection_was_lost(page: Page, suite: MediaSuite) -> None:
    """Chunks that arrived are not sent again."""
    sign_in(page, suite, "lee")
    data = samples.phone_video().read_bytes()
    sent: list[str] = []
    lost: list[str] = []

    def count(response: Response) -> None:
        if match := re.search(r"/chunks/(\d+)$", response.url):
            sent.append(match[1])

    def lose_once(route: Route) -> None:
        if len(lost) < 2:
            lost.append("once")
            route.abort("connectionreset")
        else:
            route.continue_()

    page.on("response", count)
    page.route(re.compile(r"/chunks/1$"), lose_once)
    page.set_input_files("#files", payload("phone.mp4", data))

    expect(page.locator(".card .poster")).to_be_enabled(timeout=PLAYABLE_MS)
    assert len(lost) == 2
    assert sorted(sent) == ["0", "1", "2"]
