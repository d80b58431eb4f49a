"""The gateway's configuration as tables; the guide's own is in tests/guides."""

from typing import Any

import pytest

from intertie.control.api_manager import merged
from intertie.errors import IntertieError
from intertie.suite.model import Suite


def suite(**gateway: Any) -> Suite:
    """With one service and one route."""
    return Suite.model_validate(
        {
            "suite": "test",
            "services": {"web": {"command": "true", "port": "auto"}},
            "gateway": {"port": 9000, "routes": [{"path": "/a", "service": "web"}], **gateway},
        }
    )


def test_what_the_file_says_beside_it_stays() -> None:
    """The port, other routes, and keys of tables that are only partly given."""
    before = suite(security={"authentication": {"token_expiry": 60}})

    made = merged(
        before,
        {
            "gateway_configuration": {"security": {"authentication": {"methods": ["jwt"]}}},
            "endpoint_configurations": {"web": {"/b": {"methods": ["GET"]}}},
        },
    )

    assert made.port == 9000
    assert [route.path for route in made.routes] == ["/a", "/b"]
    assert made.token_expiry == 60
    assert made.security.authentication.methods == ("jwt",)


def test_of_a_path_that_both_have_the_new_one_counts() -> None:
    """It is not there twice, and applying the same again changes nothing."""
    config = {"endpoint_configurations": {"web": {"/a": {"methods": ["POST"], "cache_ttl": 5}}}}
    before = suite()

    once = merged(before, config)
    twice = merged(before.model_copy(update={"gateway": once}), config)

    assert [(route.path, route.methods) for route in once.routes] == [("/a", ("POST",))]
    assert twice == once


def test_every_fault_is_told() -> None:
    """Of both tables, at once."""
    config = {
        "gateway_configuration": {"port": "x", "nonsense": 1},
        "endpoint_configurations": {"nobody": {"/a": {}}},
    }

    with pytest.raises(IntertieError) as caught:
        merged(suite(), config)

    told = str(caught.value)
    assert all(part in told for part in ("port", "nonsense", "nobody"))
