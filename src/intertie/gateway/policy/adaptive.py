"""Fewer requests at once for a service that answers late."""

from intertie.gateway.routes import Credential, Rule
from intertie.gateway.xds import FILTERS, Json, seconds

NAME = "intertie.adaptive"
KIND = f"{FILTERS}filter_chain.v3.FilterChainConfig"

_UPDATE_S = 0.1
_PERCENTILE = 90


def on_route(rule: Rule, credential: Credential) -> Json | None:
    """A chain of its own for each route: the filter itself has one number for all."""
    if rule.adaptive is None or credential == "missing":
        return None
    gradient = {
        "sample_aggregate_percentile": {"value": _PERCENTILE},
        "concurrency_limit_params": {
            "max_concurrency_limit": rule.adaptive.max,
            "concurrency_update_interval": seconds(_UPDATE_S),
        },
        # Said, not measured: to measure, Envoy would let only `min` requests in now and then.
        "min_rtt_calc_params": {
            "fixed_value": seconds(rule.adaptive.latency),
            "min_concurrency": rule.adaptive.min,
        },
    }
    limit = {
        "@type": f"{FILTERS}adaptive_concurrency.v3.AdaptiveConcurrency",
        "gradient_controller_config": gradient,
        "enabled": {"default_value": True, "runtime_key": "unused"},
    }
    chain = [{"name": "envoy.filters.http.adaptive_concurrency", "typed_config": limit}]
    return {
        "@type": f"{FILTERS}filter_chain.v3.FilterChainConfigPerRoute",
        "filter_chain": {"filters": chain},
    }
