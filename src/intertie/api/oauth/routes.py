"""The endpoints of the authorization server at their paths."""

import functools
import logging
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intertie.api.oauth.authorize import Authorize
from intertie.api.oauth.discovery import Discovery
from intertie.api.oauth.known import Known
from intertie.api.oauth.logout import Logout
from intertie.api.oauth.server import AuthorizationServer
from intertie.api.oauth.token import Token
from intertie.api.oauth.wire import OAuthError
from intertie.errors import StoreError

log = logging.getLogger(__name__)

_Endpoint = Callable[[Request], Awaitable[Response]]


def oauth_routes(server: AuthorizationServer) -> list[Route]:
    """To be mounted at the path of the issuer's URL.

    RFC 8414 looks for `/.well-known/oauth-authorization-server` followed by that path, so the
    gateway has to bring that address here too.
    """
    discovery, known = Discovery(server), Known(server)
    both = ["GET", "POST"]
    return [
        Route("/.well-known/openid-configuration", _safe(discovery.metadata)),
        Route("/.well-known/oauth-authorization-server", _safe(discovery.metadata)),
        Route("/.well-known/jwks.json", _safe(discovery.keys)),
        Route("/authorize", _safe(Authorize(server).endpoint), methods=both),
        Route("/token", _safe(Token(server).endpoint), methods=["POST"]),
        Route("/userinfo", _safe(known.userinfo), methods=both),
        Route("/revoke", _safe(known.revoke), methods=["POST"]),
        Route("/introspect", _safe(known.introspect), methods=["POST"]),
        Route("/end-session", _safe(Logout(server).endpoint), methods=both),
    ]


def _safe(endpoint: _Endpoint) -> _Endpoint:
    """Every refusal in the form that clients know."""

    @functools.wraps(endpoint)
    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except OAuthError as exc:
            return exc.response()
        except StoreError as exc:
            log.error("authorization server has no store", extra={"why": str(exc)})
            return OAuthError("temporarily_unavailable", "try again in a while", 503).response()

    return answered
