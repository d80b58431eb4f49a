"""The suite's own token issuer."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from intertie.errors import StoreError
from intertie.identity.issuer import Issuer

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _keys(issuer: Issuer) -> KeySet:
    return KeySet([ECKey.import_key(key) for key in issuer.jwks()["keys"]])


def test_tokens_verify_against_the_published_keys(tmp_path: Path) -> None:
    """Who holds the JWK Set can check a token and read who it is for."""
    issuer = Issuer.open(tmp_path / "keys")

    token = issuer.mint("ann", now=NOW, audience="intertie", lifetime_s=60, roles=["admin"])

    claims = jwt.decode(token, _keys(issuer)).claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("intertie", "ann", "intertie")
    assert claims["roles"] == ["admin"]
    assert claims["exp"] - claims["iat"] == 60


def test_the_key_outlives_the_process_and_stays_private(tmp_path: Path) -> None:
    """Opening again finds the same key; only the owner may read it, and it is never published."""
    first = Issuer.open(tmp_path / "keys")

    again = Issuer.open(tmp_path / "keys")

    assert again.jwks() == first.jwks()
    assert "d" not in first.jwks()["keys"][0]
    assert (tmp_path / "keys" / "issuer.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_tokens_of_another_issuer_do_not_verify(tmp_path: Path) -> None:
    """Two suites do not accept each other's tokens."""
    ours, theirs = Issuer.open(tmp_path / "a"), Issuer.open(tmp_path / "b")
    token = theirs.mint("eve", now=NOW, audience="intertie", lifetime_s=60)

    with pytest.raises(JoseError):
        jwt.decode(token, _keys(ours))


def test_a_damaged_key_file_is_named(tmp_path: Path) -> None:
    """The error says which file; it does not repeat its contents."""
    (tmp_path / "issuer.json").write_text("{not json, secret")

    with pytest.raises(StoreError, match=r"cannot read the token key .*issuer\.json") as caught:
        Issuer.open(tmp_path)

    assert "secret" not in str(caught.value)
