"""What survives, and who gets in the way of whom."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.errors import ConflictError, IntertieError, NotFoundError, StoreError
from intertie.monitor.desk import AlertDesk
from intertie.monitor.escalation import Ack
from intertie.monitor.notices import Notice, Plan, due
from intertie.monitor.sample import Matcher
from intertie.monitor.stages import Alert
from tests.monitor.cases import NOW, alert, minutes, monitoring, silence

pytestmark = pytest.mark.anyio
CONFIG = monitoring(channels=("team", "boss"))
KEY = '{alertname="DiskFull", severity="critical"}'
QUIET = silence(Matcher("alertname", "=", "DiskFull"))
ACK = Ack("ann", NOW + minutes(1), NOW + minutes(20), "on it")


def text(notice: Notice, channel: str) -> str:
    """What is sent."""
    return f"{notice.kind} to {channel}: {notice.group}"


async def planned(desk: AlertDesk, after: float, *alerts: Alert) -> Plan:
    """That many minutes after noon, from what the desk has."""
    plan = due(NOW + minutes(after), alerts, await desk.state(), CONFIG)
    await desk.plan(plan, text)
    return plan


async def test_a_plan_is_kept_with_its_state(tmp_path: Path) -> None:
    """The next process goes on where it was; the file is its owner's."""
    file = tmp_path / "deep" / "desk.db"
    async with AlertDesk.open(file) as desk:
        plan = due(NOW, [alert(value="1")], await desk.state(), CONFIG)
        rows = await desk.plan(plan, text)
        assert [each.text for each in rows] == [f"first to team: {KEY}", f"first to boss: {KEY}"]
        modes = [each.stat().st_mode & 0o077 for each in file.parent.iterdir()]

    async with AlertDesk.open(file) as desk:
        assert await desk.unsent() == rows
        state = await desk.state()
        assert state == replace(plan.after, version=1)
        assert (await planned(desk, 1, alert(value="1"))).notices == ()
    assert len(modes) == 3
    assert not any(modes)


async def test_a_wider_file_is_made_its_owners(tmp_path: Path) -> None:
    """It may have been made by hand."""
    file = tmp_path / "desk.db"
    file.touch(mode=0o644)

    async with AlertDesk.open(file):
        assert file.stat().st_mode & 0o777 == 0o600


async def test_of_two_plans_from_one_state_one_is_kept(tmp_path: Path) -> None:
    """Also of two processes: whoever comes second looks again, and has nothing to tell."""
    async with (
        AlertDesk.open(tmp_path / "desk.db") as one,
        AlertDesk.open(tmp_path / "desk.db") as two,
    ):
        plans = [
            due(NOW + minutes(each), [alert()], await desk.state(), CONFIG)
            for each, desk in enumerate((one, two))
        ]
        await one.plan(plans[0], text)
        with pytest.raises(ConflictError, match="another one was kept since"):
            await two.plan(plans[1], text)

        assert (await planned(two, 1, alert())).notices == ()
        assert len(await two.unsent()) == 2


async def test_a_plan_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    """Most rounds are so: the value of an alert is no change."""
    async with AlertDesk.open(tmp_path / "desk.db") as desk:
        await planned(desk, 0, alert())
        version = (await desk.state()).version
        for after in range(1, 5):
            await planned(desk, after, replace(alert(), value=float(after)))

        assert (await desk.state()).version == version


async def test_a_plan_that_cannot_be_kept_leaves_nothing(tmp_path: Path) -> None:
    """Neither rows nor state: the next one is the same."""

    def broken(notice: Notice, channel: str) -> str:
        raise IntertieError("cannot render")

    async with AlertDesk.open(tmp_path / "desk.db") as desk:
        plan = due(NOW, [alert()], await desk.state(), CONFIG)
        with pytest.raises(IntertieError, match="cannot render"):
            await desk.plan(plan, broken)
        await desk.plan(plan, text)

        assert [each.id.partition(":")[0] for each in await desk.unsent()] == [
            plan.notices[0].id
        ] * 2


async def test_what_was_evaluated_is_kept_whole(tmp_path: Path) -> None:
    """What is gone is forgotten."""
    one, two = alert(host="a"), replace(alert(host="b"), value=float("inf"))
    async with AlertDesk.open(tmp_path / "desk.db") as desk:
        await desk.save({"a": '{"since":1}', "b": "{}"}, [one, two])
        await desk.save({"b": "[2]"}, [two])

    async with AlertDesk.open(tmp_path / "desk.db") as desk:
        assert await desk.rules() == {"b": "[2]"}
        assert await desk.active() == [two]


async def test_a_silence_is_kept_until_it_is_ended(tmp_path: Path) -> None:
    """It holds back from the next plan on; nobody else's tenant ends it or sees it."""
    async with AlertDesk.open(tmp_path / "desk.db") as desk:
        await desk.silence(QUIET)
        mine = silence(Matcher("host", "=", "a"), id="2", tenant="acme", lasts=5)
        await desk.silence(mine)
        with pytest.raises(ConflictError, match="'1'"):
            await desk.silence(QUIET)
        with pytest.raises(IntertieError, match="a comment is needed"):
            await desk.silence(replace(QUIET, id="3", comment=""))

        assert (await planned(desk, 0, alert())).notices == ()
        assert await desk.silences("") == [mine, QUIET]
        assert await desk.silences("acme") == [mine]
        assert await desk.silences("", NOW + minutes(5)) == [QUIET]
        with pytest.raises(NotFoundError):
            await desk.expire("acme", "1", NOW)
        with pytest.raises(NotFoundError):
            await desk.expire("", "9", NOW)

        ended = await desk.expire("", "1", NOW + minutes(2))

        assert ended == replace(QUIET, ends_at=NOW + minutes(2))
        assert await desk.expire("", "1", NOW + minutes(3)) == ended
        assert len((await planned(desk, 2, alert())).notices) == 1


async def test_a_silence_that_has_not_begun_never_does(tmp_path: Path) -> None:
    """Once it is ended."""
    async with AlertDesk.open(tmp_path / "desk.db") as desk:
        await desk.silence(QUIET)

        ended = await desk.expire("", "1", NOW - minutes(1))

        assert ended.starts_at == ended.ends_at == NOW - minutes(1)


async def test_an_acknowledgement_stops_repeats(tmp_path: Path) -> None:
    """Until it ends, or is taken back."""
    async with AlertDesk.open(tmp_path / "desk.db") as desk:
        with pytest.raises(NotFoundError, match="nothing is told of such a group"):
            await desk.acknowledge(KEY, ACK)
        await planned(desk, 0, alert())
        for bad in (replace(ACK, who=" "), replace(ACK, until=ACK.at)):
            with pytest.raises(IntertieError, match="cannot acknowledge"):
                await desk.acknowledge(KEY, bad)
        with pytest.raises(NotFoundError, match="there is none"):
            await desk.unacknowledge(KEY, NOW)

        await desk.acknowledge(KEY, ACK)
        assert (await planned(desk, 15, alert())).notices == ()
        await desk.unacknowledge(KEY, NOW + minutes(16))
        await desk.unacknowledge(KEY, NOW + minutes(99))

        assert (await desk.state()).acks[KEY].until == NOW + minutes(16)
        (notice,) = (await planned(desk, 16, alert())).notices
        assert (notice.kind, notice.due_at) == ("repeat", NOW + minutes(16))


async def test_notices_are_settled_and_handed_over(tmp_path: Path) -> None:
    """What is left is sent again."""
    async with AlertDesk.open(tmp_path / "desk.db") as desk:
        await planned(desk, 0, alert())
        team, boss = await desk.unsent()
        assert await desk.settle(team.id, "sent", at=NOW, answer="250 ok")
        assert await desk.settle(boss.id, "given_up", at=NOW, answer="no route")
        assert not await desk.settle(team.id, "failed", at=NOW)

        fresh = await desk.hand_over(boss.id, "sms", at=NOW)

        assert fresh is not None
        assert await desk.unsent() == [fresh]
        assert [each.status for each in await desk.notices(group=KEY)] == [
            "planned",
            "given_up",
            "sent",
        ]
        assert await desk.notices(group="{}") == []
        assert await desk.verify() == []


async def test_what_is_old_is_forgotten(tmp_path: Path) -> None:
    """Notices, silences, and acknowledgements of groups that are gone."""
    async with AlertDesk.open(tmp_path / "desk.db") as desk:
        await desk.silence(replace(QUIET, matchers=(Matcher("host", "=", "x"),)))
        await planned(desk, 0, alert())
        await desk.acknowledge(KEY, ACK)
        for row in await desk.unsent():
            await desk.settle(row.id, "sent", at=NOW)
        later = NOW + timedelta(days=31)
        assert await desk.purge(later, timedelta(days=30)) == 2
        assert KEY in (await desk.state()).acks

        await planned(desk, 100)
        await desk.purge(later, timedelta(days=30))

        assert (await desk.state()).acks == {}
        assert await desk.silences("") == []
        assert await desk.verify() == []


async def test_many_at_once_get_all_their_turn(tmp_path: Path) -> None:
    """One connection serves them one by one."""
    async with AlertDesk.open(tmp_path / "desk.db") as desk:
        async with create_task_group() as group:
            for number in range(20):
                group.start_soon(desk.silence, replace(QUIET, id=str(number)))

        assert len(await desk.silences("")) == 20


async def test_a_file_that_is_no_desk_is_refused(tmp_path: Path) -> None:
    """With its name; one that breaks later with what SQLite says."""
    file = tmp_path / "desk.db"
    file.write_text("no database " * 1000)

    with pytest.raises(StoreError, match=r"cannot open alert desk .*desk\.db"):
        async with AlertDesk.open(file):
            pass


async def test_an_entry_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Somebody wrote into the file."""
    file = tmp_path / "desk.db"
    async with AlertDesk.open(file) as desk:
        with closing(sqlite3.connect(file)) as other:
            other.execute("INSERT INTO entries VALUES ('silence', '1', '{}')")
            other.commit()

        with pytest.raises(StoreError, match="cannot read the alert desk"):
            await desk.state()
        with closing(sqlite3.connect(file)) as other:
            other.execute("DROP TABLE entries")
        with pytest.raises(StoreError, match="no such table"):
            await desk.state()


CHILD = """
import sys
from pathlib import Path
import anyio
from intertie.monitor.desk import AlertDesk
from intertie.monitor.notices import due
from tests.monitor.cases import NOW, alert, minutes
from tests.monitor.test_desk import CONFIG, text

async def main(path):
    async with AlertDesk.open(path) as desk:
        while True:
            state = await desk.state()
            rounds = state.version
            firing = [alert()] if rounds % 2 == 0 else []
            plan = due(NOW + minutes(rounds * 60), firing, state, CONFIG)
            print("plan", *(each.id for each in plan.notices), flush=True)
            await desk.plan(plan, text)
            print("kept", *(each.id for each in plan.notices), flush=True)
            for row in await desk.unsent():
                await desk.settle(row.id, "sent", at=NOW)
                print("sent", row.id, flush=True)

anyio.run(main, Path(sys.argv[1]))
"""


@pytest.mark.slow
async def test_a_process_that_is_killed_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """What was kept is there, once; what was sent is not sent again; the chain is whole."""
    file = tmp_path / "desk.db"
    kept: list[str] = []
    sent: list[str] = []
    for lines in (4, 5, 6, 7, 9, 14, 23, 40):
        told = killed_after(file, lines)
        kept += [id for word, *ids in told if word == "kept" for id in ids]
        sent += [id for word, *ids in told if word == "sent" for id in ids]

        async with AlertDesk.open(file) as desk:
            rows = await desk.notices(most=10_000)
            ids = [each.id for each in rows]
            waiting = {each.id for each in await desk.unsent(10_000)}
            assert await desk.verify() == []
        assert len(ids) == len(set(ids))
        assert {f"{id}:{channel}" for id in kept for channel in ("team", "boss")} <= set(ids)
        assert not waiting & set(sent)
        assert {each.id for each in rows if each.status == "sent"} | waiting == set(ids)
    assert len(kept) == len(set(kept))
    assert len(sent) == len(set(sent))
    assert len(sent) > 20


def killed_after(file: Path, lines: int) -> list[list[str]]:
    """What a process said that was killed when it had said so much."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(file)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
        told += child.stdout.readlines()
    return [each.split() for each in told if each.endswith("\n")]
