import pytest
from anyio import create_task_group

from intertie.errors import NotFoundError
from intertie_media.assets import Assets
from intertie_media.documents import AssetId, Status, UserId
from services.media.tests.kit import Clock, asset

pytestmark = pytest.mark.anyio
ANN = UserId("ann")


async def test_creating_twice_keeps_the_first(assets: Assets) -> None:
    """An upload that is completed again does not reset its asset."""
    await assets.create(asset(status=Status.READY))
    await assets.create(asset(status=Status.UPLOADED))

    assert (await assets.get(AssetId("a1"))).status == Status.READY


async def test_changes_made_at_once_are_all_kept(assets: Assets, clock: Clock) -> None:
    """Services that change one asset at the same time do not undo each other."""
    await assets.create(asset())
    clock.pass_by(5)

    async def add(rung: str) -> None:
        await assets.change(
            AssetId("a1"), lambda found: found.model_copy(update={"rungs": (*found.rungs, rung)})
        )

    async with create_task_group() as group:
        for number in range(8):
            group.start_soon(add, str(number))

    found = await assets.get(AssetId("a1"))
    assert sorted(found.rungs) == [str(number) for number in range(8)]
    assert found.updated_at == clock()


async def test_a_deleted_asset_is_not_found(assets: Assets, clock: Clock) -> None:
    """Nobody sees, changes or works on a deleted asset."""
    await assets.create(asset(deleted_at=clock()))

    assert (await assets.of_user(ANN, page=1, limit=10)).total == 0
    assert await assets.waiting(10) == []
    with pytest.raises(NotFoundError, match="cannot find asset 'a1'"):
        await assets.get(AssetId("a1"))
    with pytest.raises(NotFoundError):
        await assets.change(AssetId("a1"), lambda found: found)


async def test_pages_are_newest_first_and_of_one_user(assets: Assets) -> None:
    """Page 2 goes on where page 1 ended; others' assets are not counted."""
    for number in range(5):
        await assets.create(asset(f"a{number}"))
    await assets.create(asset("b", user="bob"))

    first = await assets.of_user(ANN, page=1, limit=2)
    third = await assets.of_user(ANN, page=3, limit=2)

    assert [each.id for each in first.items] == ["a4", "a3"]
    assert [each.id for each in third.items] == ["a0"]
    assert first.total == 5


async def test_waiting_are_those_uploaded_oldest_first(assets: Assets) -> None:
    """What the pipeline was never told of is found by it."""
    await assets.create(asset("old"))
    await assets.create(asset("done", status=Status.READY))
    await assets.create(asset("new"))

    assert [each.id for each in await assets.waiting(10)] == ["old", "new"]
