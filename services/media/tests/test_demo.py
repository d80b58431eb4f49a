from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from intertie_media import demo
from services.media.tests import samples
from services.media.tests.suite import MediaSuite, media_suite

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MediaSuite]:
    """One for all tests here."""
    with media_suite(tmp_path_factory.mktemp("suite")) as running:
        yield running


def test_a_real_video_becomes_a_playable_stream(
    suite: MediaSuite, capsys: pytest.CaptureFixture[str]
) -> None:
    """The demo ends with an address whose playlist is there, and a page to see it on."""
    video = samples.phone_video()

    code = demo.main([str(video), *_options(suite)])

    told = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert code == 0
    assert "360p, 720p, 1080p" in told["ready"]
    headers = {"authorization": f"Bearer {suite.token('demo')}"}
    playlist = httpx.get(told["stream"], headers=headers, trust_env=False)
    assert playlist.text.startswith("#EXTM3U")
    assert told["page"].startswith(f"{suite.gateway}/#token=")


def test_a_file_that_is_no_video_is_told_in_a_line(
    suite: MediaSuite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason is the service's own."""
    text = tmp_path / "film.mp4"
    text.write_text("no film at all\n" * 100)

    code = demo.main([str(text), *_options(suite)])

    assert code == 1
    assert capsys.readouterr().err.startswith("error: cannot")


def test_what_only_services_may_call_has_no_way_in(suite: MediaSuite) -> None:
    """Jobs cannot be queued from outside, and nobody says who they are by a header."""
    headers = {"authorization": f"Bearer {suite.token('eve')}"}
    forged = {"x-forwarded-user": '{"sub": "demo", "roles": ["admin", "service"]}'}
    with httpx.Client(base_url=suite.gateway, trust_env=False) as http:
        job = http.post("/api/media/jobs", json={"assetId": "x"}, headers=headers)
        listed = http.get("/api/media/assets?userId=demo", headers={**headers, **forged})
        past = http.get("/assets", headers=forged)

    assert (job.status_code, listed.status_code, past.status_code) == (405, 403, 401)


def test_without_a_suite_the_demo_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback when nothing runs."""
    code = demo.main(["film.mp4", "--state", str(tmp_path)])

    assert code == 1
    assert "intertie up" in capsys.readouterr().err


def _options(suite: MediaSuite) -> list[str]:
    """The same, as the demo calls them."""
    return ["--suite" if word == "--file" else word for word in suite.options]
