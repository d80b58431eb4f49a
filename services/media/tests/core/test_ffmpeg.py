import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import psutil
import pytest

from intertie_media.core.commands import input_arguments
from intertie_media.core.errors import MediaError
from intertie_media.core.ffmpeg import Budget, Outcome, diagnose, locate, run, workbench
from intertie_media.core.model import Limits
from services.media.tests import samples

LIMITS = Limits()
BUDGET = Budget(cpu_s=20, wall_s=20)
ENDLESS = ("-f", "lavfi", "-i", "testsrc2=s=64x64", "-f", "null", "-progress", "pipe:1", "-")
SLOW_ENDLESS = ("-re", *ENDLESS)


BEFORE = set[int]()


@pytest.fixture(autouse=True)
def before() -> None:
    """Suites of other tests may run in this process's care: they are not ours to look for."""
    BEFORE.clear()
    BEFORE.update(each.pid for each in psutil.Process().children(recursive=True))


def children() -> list[psutil.Process]:
    """What a test has left running; the dead that are not reaped yet are none of it."""
    found = (e for e in psutil.Process().children(recursive=True) if e.pid not in BEFORE)
    return [each for each in found if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize(
    ("outcome", "code", "kind"),
    [
        (Outcome(1, "x: Invalid data found"), "undecodable", "input"),
        (Outcome(-signal.SIGSEGV, ""), "undecodable", "input"),
        (Outcome(-signal.SIGKILL, ""), "killed", "capacity"),
        (Outcome(255, "Exiting normally, received signal 24."), "too_expensive", "input"),
        (Outcome(1, "x: No space left on device"), "disk_full", "capacity"),
        (Outcome(1, "x: Cannot allocate memory"), "too_much_memory", "input"),
    ],
)
def test_failures_say_who_can_mend_them(outcome: Outcome, code: str, kind: str) -> None:
    """Each way for ffmpeg to end badly has a code and a kind."""
    error = diagnose(outcome)

    assert (error.code, error.kind) == (code, kind)
    assert str(error).startswith("cannot process the file: ")


@pytest.mark.anyio
async def test_workbench_shows_nothing_but_the_input(tmp_path: Path) -> None:
    """An upload is seen under a neutral name, alone, and only while it is worked on."""
    source = tmp_path / "My holiday.mp4"
    source.write_bytes(b"film")
    (tmp_path / "other.mp4").touch()

    async with workbench(source) as bench:
        assert [path.name for path in bench.iterdir()] == ["input"]
        assert (bench / "input").read_bytes() == b"film"

    assert not await anyio.Path(bench).exists()
    assert source.exists()


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.parametrize("program", samples.programs(), ids=lambda path: path.name)
async def test_lines_are_passed_on_and_the_end_reported(tmp_path: Path, program: Path) -> None:
    """Progress comes line by line, last words and exit status at the end."""
    lines: list[str] = []

    async def note(line: str) -> None:
        lines.append(line)

    arguments = ["-f", "lavfi", "-i", "testsrc2=s=64x64:d=1", "-progress", "pipe:1"]
    outcome = await run(
        program,
        [*arguments, "-f", "null", "-"],
        tmp_path,
        limits=LIMITS,
        budget=BUDGET,
        on_line=note,
    )

    assert outcome.code == 0
    assert "frame=25" in lines
    assert lines[-1] == "progress=end"
    assert "Input #0, lavfi" in outcome.tail


@pytest.mark.slow
@pytest.mark.anyio
async def test_environment_is_not_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFREPORT would make ffmpeg write a log of its own; no variable of ours arrives."""
    monkeypatch.setenv("FFREPORT", f"file={tmp_path}/report.log")

    await run(locate(), ["-version"], tmp_path, limits=LIMITS, budget=BUDGET)

    assert not await anyio.Path(tmp_path / "report.log").exists()


@pytest.mark.slow
@pytest.mark.anyio
async def test_cpu_time_is_bounded(tmp_path: Path) -> None:
    """An endless film ends when its CPU seconds are spent, as a fault of the file."""
    arguments = ["-f", "lavfi", "-i", "testsrc2=s=1280x720", "-f", "null", "-"]

    outcome = await run(
        locate(), arguments, tmp_path, limits=LIMITS, budget=replace(BUDGET, cpu_s=1)
    )

    assert diagnose(outcome).code == "too_expensive"


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.parametrize("program", samples.programs(), ids=lambda path: path.name)
async def test_memory_is_bounded(tmp_path: Path, program: Path) -> None:
    """A film that needs more memory than allowed ends, and it is a fault of the file."""
    film = samples.film(tmp_path / "4k.mp4", "-preset", "ultrafast", size="3840x2160", seconds=0.2)
    decode = [*input_arguments("mov", LIMITS), "-f", "null", "-"]

    async with workbench(film) as bench:
        outcome = await run(
            program, decode, bench, limits=Limits(memory_bytes=192 << 20), budget=BUDGET
        )

    assert diagnose(outcome).code == "too_much_memory"


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.parametrize(
    ("arguments", "budget"),
    [
        (SLOW_ENDLESS, Budget(cpu_s=20, wall_s=0.3)),
        (("-re", *ENDLESS[:-3], "-"), Budget(cpu_s=20, wall_s=20, stall_s=0.3)),
    ],
    ids=["wall clock", "silence"],
)
async def test_waiting_is_bounded_and_leaves_nothing(
    tmp_path: Path, arguments: tuple[str, ...], budget: Budget
) -> None:
    """A run that takes too long, or says nothing, is killed and may be tried again."""
    with pytest.raises(MediaError) as error:
        await run(locate(), arguments, tmp_path, limits=LIMITS, budget=budget)

    assert (error.value.code, error.value.retryable) == ("timeout", True)
    assert children() == []


@pytest.mark.slow
@pytest.mark.anyio
async def test_cancelled_run_leaves_no_process(tmp_path: Path) -> None:
    """Cancelling kills ffmpeg before control comes back."""
    async with anyio.create_task_group() as group:

        async def stop(line: str) -> None:
            assert children()
            group.cancel_scope.cancel()

        await run(locate(), ENDLESS, tmp_path, limits=LIMITS, budget=BUDGET, on_line=stop)

    assert children() == []


@pytest.mark.slow
@pytest.mark.anyio
async def test_fault_of_the_listener_comes_out_as_it_is(tmp_path: Path) -> None:
    """An exception of `on_line` is not wrapped, and stops ffmpeg."""

    async def fail(line: str) -> None:
        raise LookupError(line)

    with pytest.raises(LookupError):
        await run(locate(), ENDLESS, tmp_path, limits=LIMITS, budget=BUDGET, on_line=fail)

    assert children() == []


ORPHANER = """
import sys
from pathlib import Path
import anyio
from intertie_media.core.ffmpeg import Budget, locate, run
from intertie_media.core.model import Limits

async def tell(line):
    print(line, flush=True)

anyio.run(lambda: run(locate(), sys.argv[1:], Path("."), limits=Limits(), budget=Budget(99, 99),
                      on_line=tell))
"""


@pytest.fixture
def orphaner(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another Python that runs an endless ffmpeg and has said so."""
    command = [sys.executable, "-c", ORPHANER, *SLOW_ENDLESS]
    env = {**os.environ, "TMPDIR": str(tmp_path)}  # killed, it cannot tidy up
    with subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline()
        yield process
        process.kill()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_killed_parent_takes_ffmpeg_along(orphaner: subprocess.Popen[str]) -> None:
    """`kill -9` of the worker leaves no ffmpeg behind."""
    running = psutil.Process(orphaner.pid).children(recursive=True)
    assert [process.name() for process in running] == [locate().name]

    orphaner.kill()

    assert psutil.wait_procs(running, timeout=10)[1] == []


@pytest.mark.slow
@pytest.mark.anyio
async def test_file_that_names_a_neighbour_does_not_find_it(tmp_path: Path) -> None:
    """Even with the wrong demuxer, another upload in the same folder is out of reach."""
    samples.film(tmp_path / "secret.mp4", seconds=0.2)
    source = tmp_path / "upload"
    source.write_text("ffconcat version 1.0\nfile secret.mp4\n")
    arguments = [*input_arguments("concat", LIMITS), "-f", "null", "-"]

    async with workbench(source) as bench:
        outcome = await run(locate(), arguments, bench, limits=LIMITS, budget=BUDGET)

    assert outcome.code != 0
    assert "secret.mp4" in outcome.tail
