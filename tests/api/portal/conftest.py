"""A browser for the tests of the portal."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

_TIMEOUT_MS = 30_000


@pytest.fixture
def page() -> Iterator[Page]:
    """A tab of a browser without a past."""
    path = shutil.which("chromium")
    assert path, "no chromium"
    expect.set_options(timeout=_TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        tab = browser.new_page()
        tab.set_default_timeout(_TIMEOUT_MS)
        yield tab
        browser.close()
