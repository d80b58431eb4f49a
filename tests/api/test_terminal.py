from collections.abc import Iterator

import pytest

from tests.harness import Bench
from tests.harness import bench as open_bench

pytestmark = pytest.mark.slow

SUITE = """
suite: terminal
api: {port: auto}
services:
  shell:
    command: [sh, -c, 'stty -echo; echo hello; while read line; do eval "$line"; done']
    tty: true
    ready_log_line: hello
  plain: {command: sleep 1000}
"""
PATH = "/api/services/shell/terminal"


@pytest.fixture(scope="module")
def shells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A suite with a shell on a terminal."""
    with open_bench(tmp_path_factory.mktemp("shells")) as made:
        made.write(SUITE)
        made.ok("up", "--detach")
        yield made


def test_what_is_typed_is_answered_in_the_stream(shells: Bench) -> None:
    """What it showed before comes first."""
    with shells.api() as api, api.stream("GET", PATH) as stream:
        chunks = stream.iter_bytes()
        seen = next(chunks)
        api.post(f"{PATH}/input", content=b"echo $((20 + 3))\n").raise_for_status()
        while b"23" not in seen:
            seen += next(chunks)

    assert seen.startswith(b"hello\r\n")


def test_a_size_reaches_the_program(shells: Bench) -> None:
    """Rows and columns."""
    with shells.api() as api, api.stream("GET", PATH) as stream:
        chunks = stream.iter_bytes()
        api.put(f"{PATH}/size", json={"rows": 33, "columns": 99}).raise_for_status()
        api.post(f"{PATH}/input", content=b"stty size\n")
        seen = b""
        while b"33 99" not in seen:
            seen += next(chunks)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/services/plain/terminal", 404),
        ("/api/services/nobody/terminal", 404),
        (f"{PATH}?replica=7", 404),
        (f"{PATH}?replica=-1", 422),
    ],
)
def test_no_terminal_is_a_problem_document(shells: Bench, path: str, status: int) -> None:
    """Before anything is streamed."""
    with shells.api() as api:
        answer = api.get(path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_terminal_is_not_for_readers(shells: Bench) -> None:
    """Whoever may only look at the suite sees no terminal, and types nothing."""
    with shells.api(key=False) as api:
        assert api.get(PATH).status_code == 401
        assert api.post(f"{PATH}/input", content=b"x").status_code == 401


def test_too_much_at_once_is_refused(shells: Bench) -> None:
    """The limit is 64 KiB."""
    with shells.api() as api:
        assert api.post(f"{PATH}/input", content=b"x" * 70_000).status_code == 422
