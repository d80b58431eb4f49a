"""Rules for tests of what single policies make of them."""

from typing import Any

from intertie.gateway.routes import Routes, Rule, Surroundings, build
from intertie.suite.model import Suite


def routes(*given: dict[str, Any], around: Surroundings | None = None, **gateway: Any) -> Routes:
    """The routes of a gateway before one service, `web`."""
    suite = Suite.model_validate(
        {
            "suite": "test",
            "services": {"web": {"command": "true", "port": "auto"}},
            "gateway": {"routes": given, **gateway},
            "identity": {} if around and around.sockets.authorizer else None,
        }
    )
    return build(suite, {}, around or Surroundings(issuer="intertie", jwks={"keys": []}))


def rule(**route: Any) -> Rule:
    """One rule of `/a`."""
    return routes({"path": "/a", "service": "web", **route}).rules[0]
