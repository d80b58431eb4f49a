"""The audit trail: every row stays as it was, or it is noticed."""

import json
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intertie.errors import StoreError
from intertie.identity.audit import Actor, Anchor, Audit, Broken
from intertie.identity.keytext import make
from tests.identity.house import Clock

pytestmark = pytest.mark.anyio

ANN = Actor("ann", via="cli", address="127.0.0.1")
_TAMPER = "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; DROP TRIGGER audit_at_end;"
_CUT = "DELETE FROM audit WHERE seq > 3"


@pytest.fixture
async def audit(tmp_path: Path) -> AsyncIterator[Audit]:
    """A trail on a new file."""
    async with Audit.open(tmp_path / "audit.db", now=Clock()) as opened:
        yield opened


async def _filled(audit: Audit, count: int = 5) -> None:
    for number in range(count):
        await audit.append(ANN, "user.create", target=f"default/u{number}", detail={"n": number})


def _sql(folder: Path, text: str) -> None:
    connection = sqlite3.connect(folder / "audit.db", isolation_level=None)
    try:
        connection.executescript(text)
    finally:
        connection.close()


async def test_rows_come_back_newest_first_in_pages(audit: Audit) -> None:
    """A page begins before the last row of the one before; it can be of one actor or target."""
    await _filled(audit)
    await audit.append(Actor("bob"), "user.delete", target="default/u1", outcome="refused")

    first = await audit.page(limit=2)
    second = await audit.page(limit=2, before=first[-1].seq)

    assert [entry.seq for entry in (*first, *second)] == [6, 5, 4, 3]
    assert first[0].outcome == "refused"
    assert first[1].at == "2026-01-01T12:00:00.000+00:00"
    assert (first[1].actor, first[1].via, first[1].address) == ("ann", "cli", "127.0.0.1")
    assert [entry.seq for entry in await audit.page(actor="bob")] == [6]
    assert [entry.seq for entry in await audit.page(target="default/u1")] == [6, 2]
    assert await audit.verify() is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'eve' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 5",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT 3, at, 'eve', action, target, outcome, detail, via,"
        " address, previous, hash FROM audit WHERE seq = 3",
        "INSERT INTO audit SELECT 9, at, actor, action, target, outcome, detail, via,"
        " address, previous, hash FROM audit WHERE seq = 3",
    ],
)
async def test_the_file_refuses_to_change_rows(
    audit: Audit, tmp_path: Path, statement: str
) -> None:
    """Whichever program writes: the rule is in the file."""
    await _filled(audit)

    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        _sql(tmp_path, statement)

    assert await audit.verify() is None


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        ("UPDATE audit SET actor = 'eve' WHERE seq = 2", Broken(2, "it was changed")),
        ("UPDATE audit SET detail = '{}' WHERE seq = 1", Broken(1, "it was changed")),
        ("UPDATE audit SET outcome = 'refused' WHERE seq = 5", Broken(5, "it was changed")),
        (
            "UPDATE audit SET at = '2025' || substr(at, 5) WHERE seq = 4",
            Broken(4, "it was changed"),
        ),
        ("DELETE FROM audit WHERE seq = 3", Broken(3, "the row is missing")),
        ("DELETE FROM audit WHERE seq = 1", Broken(1, "the row is missing")),
        (
            "DELETE FROM audit WHERE seq = 3; UPDATE audit SET seq = seq - 1 WHERE seq > 3",
            Broken(3, "it does not follow the row before"),
        ),
        (
            "UPDATE audit SET seq = 99 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3;"
            "UPDATE audit SET seq = 3 WHERE seq = 99",
            Broken(2, "it does not follow the row before"),
        ),
    ],
)
async def test_the_first_changed_row_is_named(
    audit: Audit, tmp_path: Path, tampering: str, broken: Broken
) -> None:
    """Who gets past the triggers still breaks the chain, and where is told."""
    await _filled(audit)

    _sql(tmp_path, _TAMPER + tampering)

    assert await audit.verify() == broken


async def test_an_anchor_shows_that_the_end_was_cut_off(audit: Audit, tmp_path: Path) -> None:
    """The chain alone cannot: it is whole up to the cut."""
    await _filled(audit)
    kept = str(await audit.anchor())

    _sql(tmp_path, _TAMPER + _CUT)

    assert await audit.verify() is None
    cut = await audit.verify(Anchor.parse(kept))
    assert cut == Broken(4, "rows were cut off: the anchor counts 5")


async def test_an_anchor_shows_a_chain_that_was_made_anew(audit: Audit, tmp_path: Path) -> None:
    """Rows cut off and written again, correctly chained, are still not those of before."""
    await _filled(audit)
    anchor = await audit.anchor()
    _sql(tmp_path, _TAMPER + _CUT)

    await audit.append(ANN, "harmless", target="x")
    await audit.append(ANN, "harmless", target="y")

    assert await audit.verify() is None
    made_anew = await audit.verify(anchor)
    assert made_anew is not None
    assert made_anew.seq == 5


async def test_an_anchor_of_before_still_holds_later(audit: Audit) -> None:
    """New rows after it are no fault; an empty trail has one too."""
    empty = await audit.anchor()
    await _filled(audit)
    anchor = await audit.anchor()
    await _filled(audit)

    assert await audit.verify(anchor) is None
    assert await audit.verify(empty) is None
    assert anchor.count == 5
    with pytest.raises(StoreError, match="expected <count>:<hash>"):
        Anchor.parse("5")


async def test_export_is_lines_that_anybody_can_check(audit: Audit) -> None:
    """Each line holds the hash of the one before, over canonical JSON."""
    await _filled(audit, 3)

    lines = [json.loads(line) async for line in audit.export()]

    assert [line["seq"] for line in lines] == [1, 2, 3]
    assert [line["previous"] for line in lines[1:]] == [line["hash"] for line in lines[:-1]]
    assert json.loads(lines[2]["detail"]) == {"n": 2}


async def test_keys_are_blotted_out(audit: Audit, tmp_path: Path) -> None:
    """An API key in any text, by whatever mistake, is not in the file."""
    key = make(b"12345678901", b"s" * 32)

    entry = await audit.append(
        Actor(f"ann {key.text}"), key.text, target=key.text, detail={"why": f"bad {key.text}!"}
    )

    assert entry.target == f"itk_{key.id}_****"
    for file in ("audit.db", "audit.db-wal"):
        assert key.secret.encode() not in (tmp_path / file).read_bytes()


async def test_text_is_bounded_and_survives(audit: Audit) -> None:
    """Whatever a stranger sends as a login becomes a row, and a short one."""
    await audit.append(Actor("\ud800" + "a" * 5000), "x", target="\0\n'\"", detail={"\ud800": "é"})

    (entry,) = await audit.page()
    assert len(entry.actor) == 1000
    assert entry.target == "\0\n'\""
    assert await audit.verify() is None


_TEXT = st.text(max_size=30)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.tuples(
            _TEXT,
            _TEXT,
            _TEXT,
            st.dictionaries(_TEXT, st.none() | st.booleans() | st.integers() | _TEXT, max_size=3),
        ),
        min_size=1,
        max_size=5,
    ),
    choice=st.integers(min_value=0),
)
async def test_any_rows_chain_and_any_change_is_found(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, str, dict[str, str | int | bool | None]]],
    choice: int,
) -> None:
    """For all texts: whole as written; broken exactly where one is changed."""
    folder = tmp_path_factory.mktemp("chain")
    async with Audit.open(folder / "audit.db", now=Clock()) as audit:
        for actor, action, target, detail in rows:
            await audit.append(Actor(actor), action, target=target, detail=detail)
        assert await audit.verify() is None
        seq = choice % len(rows) + 1

        _sql(folder, _TAMPER + f"UPDATE audit SET target = target || '.' WHERE seq = {seq}")  # noqa: S608

        assert await audit.verify() == Broken(seq, "it was changed")


_WRITER = """
import sys
import anyio
from pathlib import Path
from intertie.identity.audit import Actor, Audit

async def main():
    async with Audit.open(Path(sys.argv[1])) as audit:
        for number in range(100):
            await audit.append(Actor(sys.argv[2]), "write", target=str(number))

anyio.run(main)
"""


@pytest.mark.slow
async def test_two_processes_write_one_chain(tmp_path: Path) -> None:
    """Neither loses a row, and the chain is whole."""
    file = tmp_path / "audit.db"

    async with anyio.create_task_group() as group:
        for name in ("one", "two"):
            group.start_soon(anyio.run_process, [sys.executable, "-c", _WRITER, str(file), name])

    async with Audit.open(file) as audit:
        assert (await audit.anchor()).count == 200
        assert await audit.verify() is None
        assert len(await audit.page(limit=500, actor="one")) == 100


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """The error says which file."""
    (tmp_path / "audit.db").write_text("not a database, whatever it is called" * 50)

    with pytest.raises(StoreError, match=r"cannot open the audit trail .*audit\.db"):
        async with Audit.open(tmp_path / "audit.db"):
            pass
