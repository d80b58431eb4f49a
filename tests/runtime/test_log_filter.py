import time
from pathlib import Path

import pytest
from anyio import fail_after

from intertie.errors import IntertieError
from intertie.runtime import log_filter
from intertie.runtime.log_filter import Filter, search, select
from intertie.runtime.log_tap import LogLine, Source

pytestmark = pytest.mark.anyio

OUT, ERR = Source("api", 0, "out"), Source("api", 0, "err")
SAID = [
    LogLine("api", 0, "out", "plain words", 0),
    LogLine("api", 0, "out", '{"level": "debug", "msg": "one"}', 20),
    LogLine("api", 0, "err", '{"level": "error", "msg": "two"}', 0),
    LogLine("api", 0, "err", "level=critical msg=three", 60),
]


@pytest.mark.parametrize(
    ("only", "places"),
    [
        (Filter(), [0, 1, 2, 3]),
        (Filter(stream="err"), [2, 3]),
        (Filter(level="info"), [2, 3]),
        (Filter(level="critical"), [3]),
        (Filter(grep="two"), [2]),
        (Filter(grep='^plain|"debug"'), [0, 1]),
        (Filter(stream="out", level="trace", grep="o.e"), [1]),
    ],
)
async def test_a_line_must_pass_all_that_is_said(only: Filter, places: list[int]) -> None:
    """Stream, regular expression, least level."""
    assert await select(SAID, only) == [SAID[place] for place in places]


@pytest.mark.parametrize("pattern", ["(", "*", "a" * 1001, "(?P<x", "[z-a]"])
async def test_what_is_no_pattern_is_told(pattern: str) -> None:
    """Before anything is read."""
    with pytest.raises(IntertieError, match="cannot search"):
        Filter(grep=pattern).check()
    with pytest.raises(IntertieError, match="cannot search"):
        await search([], pattern, regex=True, limit=1)


@pytest.mark.slow
async def test_a_pattern_that_takes_forever_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given up, with a word on what to do."""
    monkeypatch.setattr(log_filter, "_MATCH_S", 1.0)
    monkeypatch.setattr(log_filter, "_SEARCH_S", 1.0)
    path = tmp_path / "0.out.log"
    path.write_text("a" * 5000 + "\n")
    line = LogLine("api", 0, "out", "a" * 5000, 0)
    began = time.monotonic()

    with fail_after(20):
        with pytest.raises(IntertieError, match="use a simpler pattern"):
            await select([line], Filter(grep="(a+)+$b"))
        with pytest.raises(IntertieError, match="use a simpler pattern"):
            await search([(OUT, path, 0)], "(a+)+$b", regex=True, limit=1)

    assert time.monotonic() - began < 15


@pytest.mark.parametrize("regex", [False, True])
async def test_a_search_goes_on_where_it_was_left(tmp_path: Path, regex: bool) -> None:
    """The limit is of all logs together; each log has an offset of its own."""
    out, err = tmp_path / "0.out.log", tmp_path / "0.err.log"
    out.write_text("".join(f"hit {n}\nmiss\n" for n in range(50_000)) + "hit last")
    err.write_text("hit err\n")
    pattern = "^hit" if regex else "hit"

    first = await search([(OUT, out, 0), (ERR, err, 0)], pattern, regex=regex, limit=10)
    rest = await search(
        [(OUT, out, first[-1].offset + 1), (ERR, err, 0)], pattern, regex=regex, limit=10**9
    )

    assert [line.text for line in first] == [f"hit {n}" for n in range(10)]
    assert [line.text for line in rest] == [
        *(f"hit {n}" for n in range(10, 50_000)),
        "hit last",
        "hit err",
    ]


async def test_a_text_is_no_pattern(tmp_path: Path) -> None:
    """Its letters mean themselves; a long line is searched in its pieces."""
    path = tmp_path / "0.out.log"
    path.write_text("a.c\nabc\n" + "x" * 200_000 + "a.c\nä a.c\n")

    found = await search([(OUT, path, 0)], "a.c", regex=False, limit=10)

    assert [(line.text[-5:], line.offset) for line in found] == [
        ("a.c", 0),
        ("xxa.c", 8 + 3 * 65_536),
        ("ä a.c", 8 + 200_004),
    ]
