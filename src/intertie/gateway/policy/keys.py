"""API keys that Envoy compares itself: those kept sealed, not only hashed."""

from intertie.gateway.routes import Credential, Routes, Rule
from intertie.gateway.xds import CLIENT_HEADER, FILTERS, KEY_HEADER, Json, enabled

NAME = "intertie.keys"
KIND = f"{FILTERS}api_key_auth.v3.ApiKeyAuth"


def config(routes: Routes) -> Json:
    """The keys, and whose they are."""
    known = [{"key": key, "client": whose} for key, whose in sorted(routes.keys.items())]
    return {
        "credentials": known,
        "key_sources": [{"header": KEY_HEADER}],
        "forwarding": {"header": CLIENT_HEADER, "hide_credentials": True},
    }


def on_route(rule: Rule, credential: Credential) -> Json | None:
    """Where keys are kept so that Envoy can have them."""
    return enabled() if credential == "api_key" and rule.has_sealed_keys else None
