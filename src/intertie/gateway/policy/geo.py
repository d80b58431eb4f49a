"""The country that requests come from, by a database in the format of MaxMind."""

from intertie.gateway.routes import Credential, Rule
from intertie.gateway.xds import FILTERS, Json, T, enabled
from intertie.suite.gateway import Gateway

NAME = "envoy.filters.http.geoip"
KIND = f"{FILTERS}geoip.v3.Geoip"
COUNTRY_HEADER = "x-intertie-country"
"""ISO 3166, for the rules about addresses; dropped at the door like all that begins so."""

_PROVIDER = f"{T}extensions.geoip_providers.maxmind.v3.MaxMindConfig"


def config(gateway: Gateway) -> Json | None:
    """None without a database: the filter cannot be made. Envoy reads a changed file by itself."""
    if gateway.security.geo_database is None:
        return None
    provider = {
        "@type": _PROVIDER,
        "country_db_path": gateway.security.geo_database,
        "common_provider_config": {"geo_field_keys": {"country": COUNTRY_HEADER}},
    }
    return {"provider": {"name": "envoy.geoip_providers.maxmind", "typed_config": provider}}


def on_route(rule: Rule, credential: Credential) -> Json | None:
    """Of a route that is for some countries only."""
    return enabled() if rule.addresses.countries or rule.addresses.denied_countries else None
