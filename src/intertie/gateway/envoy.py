"""The intermediate form to Envoy resources. Pure: no clock, no network, sorted, hashed.

The listener is constant; all that changes lies in routes (RDS), clusters (CDS), endpoints (EDS)
and the files of filters (ECDS), so no change drains connections.
"""

from intertie.gateway import clusters, policy
from intertie.gateway.routes import Routes
from intertie.gateway.table import table
from intertie.gateway.xds import Resources


def translate(routes: Routes) -> Resources:
    """All resources of one generation."""
    return Resources(
        clusters=clusters.clusters(routes),
        endpoints=tuple(clusters.assignment(c) for c in routes.clusters if c.external is None),
        filters=policy.filters(routes),
        routes=(table(routes),),
    )
