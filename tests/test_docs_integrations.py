"""The examples of docs/integrations.md work as they are printed there."""

import re
from pathlib import Path
from typing import Any

import pytest

from intertie.suite import load
from tests.harness import Bench
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "integrations.md").read_text()


def blocks(language: str) -> list[str]:
    """The page's examples in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def ran(text: str) -> dict[str, Any]:
    """What a block of Python defines. Any: as the page has it."""
    found: dict[str, Any] = {"__name__": "example"}
    exec(compile(text, "docs/integrations.md", "exec"), found)  # noqa: S102 - our own page
    return found


def test_the_suite_of_the_page_is_valid(tmp_path: Path) -> None:
    """With the environment it has an overlay for."""
    [text] = blocks("yaml")
    (tmp_path / "suite.yaml").write_text(text)

    suite = load(tmp_path / "suite.yaml", environment="development").suite

    assert suite.integrations["music"].rate_limits.burst_limit == 5


@pytest.mark.slow
def test_the_commands_of_the_page_work(bench: Bench) -> None:
    """Each without a fault, on a suite whose vendors cannot be reached."""
    [suite], [script] = blocks("yaml"), blocks("sh")
    bench.write(f"{suite}api: {{port: auto}}\n")
    (bench.state / "secrets").mkdir(parents=True)
    for name in ("spotify", "slack"):
        file = bench.state / "secrets" / name
        file.touch(mode=0o600)
        file.write_text("not-a-real-one")

    shown = bench.script(script)

    assert re.search(r"timeout +5.0 +suite.yaml:9:\d+ \(tenant acme\)", shown)
    assert '"promised":"99.9%"' in shown


async def test_the_program_of_the_page_works() -> None:
    """It finds what the vendor has."""
    stage = Stage()
    tracks = {"tracks": {"items": [{"id": "1", "name": "Cut To The Feeling"}], "total": 1}}
    stage.vendor.answers = lambda request: answer(tracks)

    assert await ran(blocks("python")[0])["main"](stage.registry) == ["Cut To The Feeling"]


async def test_the_eleventh_connector_of_the_page_works() -> None:
    """As it is printed: a call, an error with the vendor's words, its health."""
    weather = ran(blocks("python")[1])["WeatherIntegration"]
    stage = Stage()
    stage.vendor.answers = lambda request: answer({"degrees": -3.5})
    made = stage.made(weather, config={"api_key": "k"})

    report = await made.now(city="Tromsø/N")
    health = await made.health_check()

    assert report.degrees == -3.5
    assert stage.vendor.asked[0].url == (
        "https://api.weather.example/v1/cities/Troms%C3%B8%2FN/now"
    )
    assert stage.vendor.asked[0].headers["x-api-key"] == "k"
    assert health["healthy"]
