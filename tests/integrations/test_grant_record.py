"""What is kept of a grant: sealed, and readable only as far as status needs it."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from intertie.integrations.errors import (
    AuthExpiredError,
    ScopeMissingError,
)
from tests.integrations.grant_house import (
    LIFE_S,
    House,
    house,
    refused,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[House]:
    """A vendor and a database."""
    async with house(tmp_path) as made:
        yield made


async def test_the_grants_of_an_erased_tenant_are_gone(at: House) -> None:
    """Only a new consent helps."""
    process, other = await at.with_grant(), await at.process()

    await process.vault.erase("acme")

    with pytest.raises(AuthExpiredError, match="nobody has given consent"):
        await other.connection().me()


async def test_a_grant_whose_key_is_gone_says_so(at: House) -> None:
    """The row came from a backup, the key did not."""
    process, other = await at.with_grant(), await at.process()
    await process.records.delete("integration_keys", "acme")

    with pytest.raises(AuthExpiredError, match=r"cannot be read any more: .*; run: intertie"):
        await other.connection().me()


async def test_no_secret_is_shown_anywhere(at: House, caplog: pytest.LogCaptureFixture) -> None:
    """Not in repr, logs or errors, although the vendor repeats it, nor in the database."""
    caplog.set_level(logging.DEBUG)
    process = await at.with_grant()
    at.clock.time_s += LIFE_S
    echoed = refused("oops", error_description="bad refresh-1 of hush-hush")
    at.vendor.faults = [echoed, refused("invalid_grant", error_description="no refresh-2")]

    with pytest.raises(AuthExpiredError) as first:
        await process.main.me()
    at.clock.time_s += 400
    at.vendor.faults = at.vendor.faults[:0]
    await process.main.me()
    at.clock.time_s += LIFE_S
    at.vendor.faults = [refused("invalid_grant", error_description="no refresh-2")]
    with pytest.raises(AuthExpiredError) as second:
        await process.main.me()

    grant = await process.desk._book.read(process.main)
    texts = [str(first.value), str(second.value), repr(grant), repr(process.desk), caplog.text]
    texts += [repr(process.desk._ready), repr(await process.state())]
    texts += [str(vars(record)) for record in caplog.records]
    for secret in ("access-1", "access-2", "refresh-1", "refresh-2", "hush-hush"):
        assert not any(secret in each for each in texts), secret
        assert secret.encode() not in at.raw()
    assert b"acme" in at.raw()


async def test_what_was_granted_is_known(at: House) -> None:
    """As the vendor says it, with commas or spaces; kept where a renewal says nothing."""
    process = await at.with_grant(scope="read,admin")

    with pytest.raises(ScopeMissingError, match="lacks write"):
        await process.main.post()

    at.clock.time_s += LIFE_S
    await process.main.me()
    assert process.desk.scopes(process.main) == frozenset({"read", "admin"})
    at.vendor.scope = "read write"
    at.clock.time_s += LIFE_S
    await process.main.me()
    assert (await process.main.post()).id == "access-3"
