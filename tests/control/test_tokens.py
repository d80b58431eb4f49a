"""Tokens for the gateway."""

from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from intertie.control.actor import Actor
from intertie.control.tokens import Tokens
from intertie.errors import AccessDeniedError
from intertie.identity.issuer import Issuer
from intertie.suite.gateway import Gateway, Jwt

USER = Actor("test", may_read=True, may_write=True)


def test_a_token_is_made_by_the_suites_settings(tmp_path: Path) -> None:
    """Audience and lifetime are the file's unless the caller wants another lifetime."""
    issuer = Issuer.open(tmp_path)
    tokens = Tokens(lambda: issuer, lambda: Gateway(jwt=Jwt(audience="shop", token_expiry=120.0)))

    token = tokens.mint(USER, "ann", roles=["admin"], ttl_s=None)
    short = tokens.mint(USER, "ann", roles=[], ttl_s=5.0)

    keys = KeySet([ECKey.import_key(key) for key in issuer.jwks()["keys"]])
    claims = jwt.decode(token.access_token, keys).claims
    assert (claims["sub"], claims["aud"], claims["roles"]) == ("ann", "shop", ["admin"])
    assert claims["exp"] - claims["iat"] == token.expires_in == 120
    assert short.expires_in == 5


def test_only_who_may_write_gets_one(tmp_path: Path) -> None:
    """A token opens protected routes: reading rights are not enough."""
    tokens = Tokens(lambda: Issuer.open(tmp_path), Gateway)

    with pytest.raises(AccessDeniedError):
        tokens.mint(Actor("r", may_read=True, may_write=False), "eve", roles=[], ttl_s=None)
