"""From where requests may come."""

from collections.abc import Iterable, Iterator

from intertie.gateway.policy.geo import COUNTRY_HEADER
from intertie.gateway.routes import Credential, Rule
from intertie.gateway.xds import FILTERS, Json
from intertie.suite.security import Addresses

NAME = "intertie.addresses"
KIND = f"{FILTERS}rbac.v3.RBAC"


def on_route(rule: Rule, credential: Credential) -> Json | None:
    """Who comes from where that is allowed, and from nowhere that is denied."""
    wanted = rule.addresses
    parts = list(_parts(wanted))
    if not parts:
        return None
    policies = {
        "allowed": {
            "permissions": [{"any": True}],
            "principals": [{"and_ids": {"ids": parts}}],
        }
    }
    return {
        "@type": f"{FILTERS}rbac.v3.RBACPerRoute",
        "rbac": {"rules": {"action": "ALLOW", "policies": policies}},
    }


def _parts(wanted: Addresses) -> Iterator[Json]:
    if wanted.allow:
        yield _any(_network(each) for each in wanted.allow)
    if wanted.deny:
        yield {"not_id": _any(_network(each) for each in wanted.deny)}
    if wanted.countries:
        yield _any(_country(each) for each in wanted.countries)
    if wanted.denied_countries:
        yield {"not_id": _any(_country(each) for each in wanted.denied_countries)}


def _any(ids: Iterable[Json]) -> Json:
    return {"or_ids": {"ids": list(ids)}}


def _network(network: str) -> Json:
    address, _, length = network.partition("/")
    return {"remote_ip": {"address_prefix": address, "prefix_len": int(length)}}


def _country(country: str) -> Json:
    return {"header": {"name": COUNTRY_HEADER, "string_match": {"exact": country}}}
