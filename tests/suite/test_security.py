"""What the suite may say of who comes in."""

from typing import Any

import pytest
from pydantic import ValidationError

from intertie.suite.security import Addresses, Cors, Security


@pytest.mark.parametrize("origin", ["https://*.example.com", "http://localhost:3000", "*"])
def test_an_origin_is_scheme_host_and_port(origin: str) -> None:
    """With a star for the names below, or for all."""
    assert Cors.model_validate({"allowed_origins": origin}).allowed_origins == (origin,)


@pytest.mark.parametrize(
    "origin",
    [
        "example.com",
        "https://*",
        "https://a.*.com",
        "https://x.example/path",
        "null",
        "https://**.x",
    ],
)
def test_what_is_no_origin_is_a_fault(origin: str) -> None:
    """A pattern that means more than it seems to is refused."""
    with pytest.raises(ValidationError, match="expected an origin"):
        Cors.model_validate({"allowed_origins": [origin]})


def test_networks_are_written_as_they_are_meant() -> None:
    """An address is a network of one; bits behind the mask are a mistake."""
    assert Addresses.model_validate({"allow": "10.0.0.1"}).allow == ("10.0.0.1/32",)
    with pytest.raises(ValidationError, match="expected an address or network"):
        Addresses.model_validate({"deny": ["10.0.0.1/8"]})


@pytest.mark.parametrize(
    "keys",
    [
        {"authentication": {"methods": []}},
        {"authentication": {"methods": ["password"]}},
        {"trusted_proxies": ["everybody"]},
        {"headers": {"frame_options": "ALLOWALL"}},
    ],
)
def test_what_makes_no_sense_is_a_fault(keys: dict[str, Any]) -> None:
    """Nothing is taken for something else."""
    with pytest.raises(ValidationError):
        Security.model_validate(keys)
