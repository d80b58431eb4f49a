"""The suite file's `caching` and the keys of a route that speak of it."""

import pytest
from pydantic import ValidationError

from intertie.suite.cache import Caching, RouteCaching, is_cached


def test_the_values_of_the_guide_are_read_as_they_stand() -> None:
    """`enabled`, `default_ttl` and `cache_control`."""
    told = {"enabled": True, "default_ttl": 300, "cache_control": "public, max-age=300"}

    assert Caching.model_validate(told) == Caching()


def test_durations_and_sizes_may_have_units() -> None:
    """As everywhere in the suite file."""
    read = Caching.model_validate({"default_ttl": "5m", "max_size": "128MB", "max_object": "1m"})

    assert (read.default_ttl, read.max_size, read.max_object) == (300, 128 * 2**20, 2**20)


@pytest.mark.parametrize(
    "told",
    [
        {"default_ttl": -1},
        {"max_size": "1kb"},
        {"max_size": "1MB", "max_object": "2MB"},
        {"max_object": 0},
        {"cache_control": "public\r\nset-cookie: a=b"},
        {"ttl": 3},
    ],
)
def test_what_makes_no_sense_is_a_fault(told: dict[str, object]) -> None:
    """Line breaks in a header, sizes that cannot be, unknown keys."""
    with pytest.raises(ValidationError):
        Caching.model_validate(told)


def test_a_route_may_say_never() -> None:
    """`cache_ttl: 0` keeps its requests away from the cache; `enabled: false` does so for all."""
    assert is_cached(Caching(), RouteCaching())
    assert is_cached(Caching(), RouteCaching(cache_ttl=3600))
    assert not is_cached(Caching(), RouteCaching(cache_ttl=0))
    assert not is_cached(Caching(enabled=False), RouteCaching(cache_ttl=3600))
    assert not is_cached(None, RouteCaching(cache_ttl=3600))


def test_off_by_default_only_where_there_is_no_such_table() -> None:
    """An empty table is one."""
    assert is_cached(Caching.model_validate({}), RouteCaching.model_validate({}))
