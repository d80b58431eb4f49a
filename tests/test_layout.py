"""The tree keeps its shape: mirrored tests, files of a readable size."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MIRRORS = {
    "src/intertie": "tests",
    "services/media/src/intertie_media": "services/media/tests",
    "tools": "tests/tools",
}
# A source file without a test file of its own, and why.
UNMIRRORED: dict[str, str] = {
    "src/intertie/api/bus.py": "tests/cli/test_bus.py asks over HTTP and by commands",
    "src/intertie/bus/port.py": "types only; intertie.testing.bus is what they promise",
    "src/intertie/control/bus.py": "tests/cli/test_bus.py asks over HTTP and by commands",
    "src/intertie/testing/bus.py": "tests/bus/test_memory.py and those of the engines inherit it",
    "src/intertie/api/access.py": "tests/api/test_rest.py tests who is let in",
    "src/intertie/control/jobs.py": "tests/cli/test_job.py runs jobs",
    "src/intertie/control/plugins.py": "tests/app/test_plugins.py asks for them",
    "src/intertie/control/terminals.py": "tests/api/test_terminal.py looks and types",
    "src/intertie/suite/health.py": "tests/suite/test_model.py",
    "src/intertie/suite/restart.py": "tests/suite/test_model.py",
    "src/intertie/suite/service.py": "tests/suite/test_model.py",
    "src/intertie/suite/values.py": "tests/suite/test_model.py",
    "src/intertie/app/front.py": "only builds; tests/app/test_orchestrator.py and tests/api run it",
    "src/intertie/control/use_cases.py": "tests/control/test_actor.py tests who may call",
    "src/intertie/api/models.py": "data only; tests/api/test_rest.py tests what is sent",
    "tools/generate.py": "tests/test_generated.py tests what it writes",
}
CODE = ("src", "tests", "services", "tools", "benchmarks", "examples")
MAX_LINES = 600


def sources() -> list[Path]:
    """Each module that needs a test file."""
    found = (path for folder in MIRRORS for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if path.stem not in {"__init__", "__main__"})


def mirror(source: Path) -> Path:
    """Where the test file of `source` belongs."""
    folder = next(folder for folder in MIRRORS if source.is_relative_to(ROOT / folder))
    inner = source.relative_to(ROOT / folder)
    return ROOT / MIRRORS[folder] / inner.parent / f"test_{inner.name}"


def test_each_module_has_its_test_file() -> None:
    """src/intertie/x/y.py is tested by tests/x/test_y.py."""
    wanted = [mirror(path) for path in sources() if str(path.relative_to(ROOT)) not in UNMIRRORED]
    missing = [str(path.relative_to(ROOT)) for path in wanted if not path.exists()]

    assert not missing, "missing: " + ", ".join(missing)


def test_exceptions_are_still_needed() -> None:
    """A module listed as an exception exists and has no test file."""
    for name in UNMIRRORED:
        assert (ROOT / name).exists(), f"{name} is gone: drop it from UNMIRRORED"
        assert not mirror(ROOT / name).exists(), f"{name} has a test: drop it from UNMIRRORED"


def test_no_file_is_longer_than_the_limit() -> None:
    """A Python file has at most 600 lines."""
    files = [path for folder in CODE for path in (ROOT / folder).rglob("*.py")]
    lines = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in files}

    assert {name: count for name, count in lines.items() if count > MAX_LINES} == {}
