import pytest
from pydantic import ValidationError

from intertie.suite.model import Suite
from intertie.suite.schedule import Backup, BackupSource, Maintenance


def test_the_defaults_are_those_of_the_guides() -> None:
    """A backup each night, maintenance each Sunday that gives way to everybody."""
    limits = Maintenance().resource_limits

    assert (Backup().schedule, Maintenance().schedule) == ("0 2 * * *", "0 3 * * 0")
    assert (limits.cpu_limit, limits.io_priority, limits.nice_value) == (50, "low", 19)
    assert (Backup().retry.attempts, Backup().overlap, Backup().missed) == (3, "skip", "once")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"kind": "sqlite"}, "a sqlite needs `path`"),
        ({"kind": "redis", "path": "a"}, "a redis needs `url`"),
        ({"kind": "folder", "path": "a", "url": "b"}, "a folder needs `path`, and no `url`"),
        ({"kind": "mongodb", "path": "a"}, "a mongodb needs `url`"),
        ({"kind": "s3", "path": "a"}, "an s3 needs `bucket`"),
        ({"kind": "s3", "bucket": "media", "access_key": "${secret:a}"}, "or neither"),
        ({"kind": "folder", "path": "a", "bucket": "media"}, "only an s3 has `bucket`"),
        ({"kind": "s3", "bucket": "media", "access_key": "plain"}, "access_key"),
        ({"kind": "sqlite", "path": "a", "tenant_part": "{tenant}"}, "for one tenant"),
        ({"kind": "folder", "path": "a", "tenant_part": "tenants"}, "tenant_part"),
    ],
)
def test_a_source_is_a_path_or_a_server(told: dict[str, object], why: str) -> None:
    """As its kind needs it."""
    with pytest.raises(ValidationError, match=why):
        BackupSource.model_validate(told)


def test_services_to_pause_are_those_of_the_suite() -> None:
    """One that is not there is told; they stand still for a minute at most."""
    told: dict[str, object] = {"suite": "s", "services": {"a": {"command": "true"}}}
    backup = {"pause_services": ["a", "b"]}

    with pytest.raises(ValidationError, match="`pause_services` names 'b', which is no service"):
        Suite.model_validate({**told, "automation": {"backup": backup}})
    with pytest.raises(ValidationError, match="less than or equal to 60"):
        Backup.model_validate({"barrier": "2m"})
