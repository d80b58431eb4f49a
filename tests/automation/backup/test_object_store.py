"""The store's own clock, and whether it keeps versions."""

from collections.abc import Iterator
from threading import Event

import pytest

from intertie.automation.backup.object_store import (
    Bucket,
    client_of,
    is_versioned,
    settled_second,
    told,
)
from intertie.automation.backup.port import BackupError
from tests.automation.backup.servers import bucket
from tests.moto import moto

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """Its address."""
    with moto() as address:
        yield address


def test_a_bucket_says_whether_it_keeps_versions(store: str) -> None:
    """One whose versions are suspended does not."""
    plain, kept = bucket(store), bucket(store, versioned=True)
    client = client_of(plain)

    assert (is_versioned(client, plain), is_versioned(client, kept)) == (False, True)
    suspended = {"Status": "Suspended"}
    client.put_bucket_versioning(Bucket=kept.name, VersioningConfiguration=suspended)
    assert not is_versioned(client, kept)


def test_a_settled_second_is_over(store: str) -> None:
    """What is written afterwards bears a later one."""
    where = bucket(store)
    client = client_of(where)

    mark = settled_second(client, where, Event())
    client.put_object(Bucket=where.name, Key="later", Body=b"")

    at = client.head_object(Bucket=where.name, Key="later")["LastModified"]
    assert at.replace(microsecond=0) > mark


def test_a_store_that_is_not_there_is_told() -> None:
    """In one sentence."""
    where = Bucket(name="any", endpoint="http://127.0.0.1:9", access_key="a", secret_key="b")

    with pytest.raises(BackupError, match="cannot look: Could not connect"), told("look"):
        client_of(where).head_bucket(Bucket="any")
