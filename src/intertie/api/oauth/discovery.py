"""What clients are told of the authorization server: metadata and keys."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse

from intertie.api.oauth.server import AuthorizationServer
from intertie.identity.issuer import PUBLISH_S

_CACHED = {"cache-control": f"public, max-age={PUBLISH_S}", "access-control-allow-origin": "*"}


class Discovery:
    """Public documents, which caches may keep for a while."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    async def metadata(self, _: Request) -> JSONResponse:
        """OpenID Connect Discovery 1.0, which RFC 8414 took over with the same names."""
        return JSONResponse(metadata(self._server.url, self._server.grants), headers=_CACHED)

    async def keys(self, _: Request) -> JSONResponse:
        """The JWK Set; a key is in it longer than this answer is kept before it signs."""
        keys = self._server.parts.issuer.jwks()
        return JSONResponse(keys, headers=_CACHED, media_type="application/jwk-set+json")


def metadata(url: str, grants: Sequence[str]) -> dict[str, object]:
    """Where everything is below `url`, and what is supported."""
    secret = ["client_secret_basic", "client_secret_post"]
    return {
        "issuer": url,
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "userinfo_endpoint": f"{url}/userinfo",
        "jwks_uri": f"{url}/.well-known/jwks.json",
        "revocation_endpoint": f"{url}/revoke",
        "introspection_endpoint": f"{url}/introspect",
        "end_session_endpoint": f"{url}/end-session",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(grants),
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "scopes_supported": ["openid", "profile", "email"],
        "claims_supported": [
            *("sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid"),
            *("name", "email", "email_verified", "roles", "groups", "tenant"),
        ],
        "token_endpoint_auth_methods_supported": [*secret, "none"],
        "revocation_endpoint_auth_methods_supported": [*secret, "none"],
        "introspection_endpoint_auth_methods_supported": secret,
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }
