"""Countries, by a real Envoy and a small database."""

from pathlib import Path

import pytest

from intertie.suite.gateway import Gateway
from intertie.suite.gateway_files import located
from tests.gateway.policy import countries
from tests.gateway.stage import shop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

NETWORKS = {"198.51.100.0/24": "DE", "203.0.113.0/25": "FR", "203.0.113.128/25": "US"}
DE, FR, US, NOWHERE = "198.51.100.7", "203.0.113.7", "203.0.113.200", "192.0.2.1"


async def test_countries_are_let_in_or_kept_out(tmp_path: Path) -> None:
    """Where only some are let in, what is nowhere stays out; a header of a client says nothing."""
    file = tmp_path / "countries.mmdb"
    countries.write(file, NETWORKS)
    security = {
        "trusted_proxies": ["127.0.0.1"],
        "geo_database": str(file),
        "addresses": {"countries": ["DE", "FR"]},
    }
    routes = (
        {"path": "/some"},
        {"path": "/others", "addresses": {"denied_countries": ["US"]}},
        {"path": "/both", "addresses": {"countries": ["US"], "deny": ["203.0.113.200"]}},
        {"path": "/all", "addresses": {}},
    )
    async with shop(tmp_path, *routes, security=security) as (_, http, _):

        async def let_in(path: str) -> list[bool]:
            found = []
            for address in (DE, FR, US, NOWHERE):
                headers = {"x-forwarded-for": address, "x-intertie-country": "DE"}
                answer = await http.get(path, headers=headers)
                assert answer.status_code in {200, 403}
                found.append(answer.status_code == 200)
            return found

        got = {path: await let_in(path) for path in ("/some", "/others", "/both", "/all")}

    assert got == {
        "/some": [True, True, False, False],
        "/others": [True, True, False, True],
        "/both": [False, False, False, False],
        "/all": [True, True, True, True],
    }


def test_the_database_is_found_from_everywhere(tmp_path: Path) -> None:
    """Envoy runs in another folder than the suite file's."""
    gateway = Gateway.model_validate({"security": {"geo_database": "a/countries.mmdb"}})

    assert located(gateway, tmp_path).security.geo_database == f"{tmp_path}/a/countries.mmdb"
    assert located(Gateway(), tmp_path) == Gateway()
