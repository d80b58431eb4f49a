"""Trouble made on purpose, to see what clients do."""

from intertie.gateway.routes import Credential, Rule
from intertie.gateway.xds import FILTERS, Json, percent, seconds

NAME = "envoy.filters.http.fault"
KIND = f"{FILTERS}fault.v3.HTTPFault"


def on_route(rule: Rule, credential: Credential) -> Json | None:
    """Delays and answers that nobody was asked for."""
    wanted = rule.route.fault
    if wanted is None:
        return None
    made: Json = {"@type": KIND}
    if wanted.delay is not None:
        share = percent(wanted.delay_percent)
        made["delay"] = {"fixed_delay": seconds(wanted.delay), "percentage": share}
    if wanted.abort is not None:
        made["abort"] = {"http_status": wanted.abort, "percentage": percent(wanted.abort_percent)}
    return made
