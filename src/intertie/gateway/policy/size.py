"""How large the body of a request may be."""

from intertie.gateway.routes import Credential, Rule
from intertie.gateway.xds import FILTERS, Json

NAME = "envoy.filters.http.filter_chain"
KIND = f"{FILTERS}filter_chain.v3.FilterChainConfig"


def on_route(rule: Rule, credential: Credential) -> Json | None:
    """Counts what streams by; the `buffer` filter would hold each body in memory."""
    if rule.route.max_body is None:
        return None
    kind = f"{FILTERS}body_size_limit.v3.BodySizeLimit"
    limit = {"@type": kind, "max_request_bytes": rule.route.max_body}
    return {
        "@type": f"{FILTERS}filter_chain.v3.FilterChainConfigPerRoute",
        "filter_chain": {
            "filters": [{"name": "envoy.filters.http.body_size_limit", "typed_config": limit}]
        },
    }
