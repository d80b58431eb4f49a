"""What the authorizer is told in its file."""

import json
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.errors import GatewayError
from intertie.gateway.authz.settings import AuthzSettings, follow, load, parse
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


def _put(file: Path, text: str) -> None:
    """As the controller does: whole or not at all."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.rename(file)


async def test_a_change_is_taken_and_a_broken_file_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is wrong with it is told once; the next good file is taken."""
    file = tmp_path / "authz.json"
    _put(file, "{}")
    taken: list[AuthzSettings] = []
    async with create_task_group() as group:
        await group.start(follow, file, taken.append)
        _put(file, '{"routes": {"a": {}}}')
        await eventually(lambda: len(taken) == 1, 60)
        _put(file, '{"routes": {"b": {"rolls": ["x"]}}}')
        await eventually(lambda: "authorizer settings refused" in caplog.text, 60)
        _put(file, '{"routes": {"c": {}}}')
        await eventually(lambda: len(taken) == 2, 60)
        group.cancel_scope.cancel()

    assert [list(each.routes) for each in taken] == [["a"], ["c"]]
    assert caplog.text.count("authorizer settings refused") == 1


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "the file"),
        ("[]", "the file"),
        ('{"routes": {"a": {"auth": ["magic"]}}}', "routes.a.auth.0"),
        ('{"unknown": {}}', "unknown"),
        ('{"limits": {"default_rate": "lots"}}', "limits.default_rate"),
    ],
)
def test_a_fault_is_told_with_its_place(text: str, where: str) -> None:
    """Without the value, which may be a secret."""
    with pytest.raises(GatewayError, match="cannot use the authorizer's settings") as caught:
        parse(text)

    assert where in str(caught.value)


async def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """The authorizer does not start without being told what to do."""
    with pytest.raises(GatewayError, match="cannot read"):
        await load(tmp_path / "none.json")


async def test_settings_survive_being_written_as_json(tmp_path: Path) -> None:
    """The controller writes what the authorizer reads."""
    given = parse('{"routes":{"a":{"rate_limit":"5/second, 9/day"}},"limits":{}}')
    (tmp_path / "a.json").write_text(given.model_dump_json())

    assert await load(tmp_path / "a.json") == given
    assert json.loads(given.model_dump_json())["routes"]["a"]["rate_limit"] == "5/second, 9/day"
