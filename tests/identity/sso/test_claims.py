"""What a provider's tokens must say, one fault at a time."""

import base64
import hashlib
import json
from typing import Any

import pytest
from joserfc.jwk import OctKey
from joserfc.jws import serialize_compact

from intertie.identity.sso import LoginRefusedError
from intertie.identity.sso.claims import (
    Expected,
    UnknownKeyError,
    check_access_token,
    id_token,
    logout_token,
)
from intertie.identity.tokens.jwk import Keys
from tests.identity.sso.idp import ISSUER, LOGOUT, T0, Loose, Provider, new_key

EXPECTED = Expected(ISSUER, "suite")
GONE = "<gone>"


@pytest.fixture
def provider() -> Provider:
    """Who signs."""
    return Provider(claims={"nonce": "n"})


def keys(provider: Provider) -> Keys:
    """What it publishes."""
    return Keys.parse({"keys": [provider.key.as_dict(private=False)]})


def changed(claims: Loose, fault: Loose) -> Loose:
    """With the fault in it."""
    return {name: value for name, value in {**claims, **fault}.items() if value != GONE}


@pytest.mark.parametrize(
    "fault",
    [
        {"iss": "https://other.test"},
        {"iss": GONE},
        {"iss": f"{ISSUER}/"},
        {"aud": "other"},
        {"aud": []},
        {"aud": GONE},
        {"aud": "suite2"},
        {"aud": ["suite", "other"]},
        {"aud": ["suite", "other"], "azp": "other"},
        {"azp": "other"},
        {"exp": int(T0) - 61},
        {"exp": GONE},
        {"exp": "2040"},
        {"exp": True},
        {"exp": float("inf")},
        {"iat": int(T0) + 3600},
        {"iat": GONE},
        {"nbf": int(T0) + 3600},
        {"nonce": "m"},
        {"nonce": GONE},
        {"nonce": 1},
        {"sub": ""},
        {"sub": GONE},
        {"sub": 7},
        {"sub": "s" * 300},
    ],
    ids=repr,
)
def test_a_faulty_id_token_is_refused(provider: Provider, fault: Loose) -> None:
    """Issuer, audience, authorised party, times, nonce, subject: each counts."""
    token = provider.sign(changed(provider.base(), fault))

    with pytest.raises(LoginRefusedError):
        id_token(token, keys(provider), EXPECTED, now=T0, nonce="n")


def test_a_good_id_token(provider: Provider) -> None:
    """Also for more than one audience, if we are who may use it."""
    claims = {**provider.base(), "aud": ["suite", "api"], "azp": "suite"}

    found = id_token(provider.sign(claims), keys(provider), EXPECTED, now=T0, nonce="n")

    assert found["sub"] == "s-1"


@pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt", "secevent+jwt"])
def test_a_token_of_another_kind_is_refused(provider: Provider, typ: Any) -> None:
    """An access token of the same provider is no proof of a login."""
    provider.header["typ"] = typ

    with pytest.raises(LoginRefusedError):
        id_token(provider.sign(provider.base()), keys(provider), EXPECTED, now=T0, nonce="n")


def test_another_key_is_another_provider(provider: Provider) -> None:
    """Of the same name it is refused; of an unknown one the keys may be fetched anew."""
    base, known = provider.base(), keys(provider)

    with pytest.raises(LoginRefusedError, match="signature"):
        id_token(provider.sign(base, key=new_key("one")), known, EXPECTED, now=T0, nonce="n")
    with pytest.raises(UnknownKeyError):
        id_token(provider.sign(base, key=new_key("two")), known, EXPECTED, now=T0, nonce="n")


def test_nothing_symmetric_and_nothing_unsigned(provider: Provider) -> None:
    """The public key is no secret, and no signature is none."""
    base = json.dumps(provider.base())
    public = json.dumps(provider.key.as_dict(private=False))
    forged = serialize_compact({"alg": "HS256", "kid": "one"}, base, OctKey.import_key(public))
    head = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    body = base64.urlsafe_b64encode(base.encode()).rstrip(b"=").decode()

    for token in (forged, f"{head}.{body}.", f"{head}.{body}", "", "a.b.c", "x" * 100_000):
        with pytest.raises(LoginRefusedError):
            id_token(token, keys(provider), EXPECTED, now=T0, nonce="n")


def test_the_access_token_is_the_one_meant() -> None:
    """Where the ID token tells its hash."""
    digest = hashlib.sha256(b"at").digest()[:16]
    told = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    check_access_token({"at_hash": told}, "at")
    check_access_token({}, "at")
    for wrong in (told[::-1], 7, ""):
        with pytest.raises(LoginRefusedError):
            check_access_token({"at_hash": wrong}, "at")


def logout(provider: Provider, **fault: Any) -> str:
    """A logout token, with a fault. Any: claims."""
    claims = {"iss": ISSUER, "aud": "suite", "iat": int(T0), "exp": int(T0) + 120, "jti": "j"}
    claims |= {"sid": "session-1", "events": {LOGOUT: {}}}
    return provider.sign(changed(claims, fault))


@pytest.mark.parametrize(
    "fault",
    [
        {"events": GONE},
        {"events": {}},
        {"events": {LOGOUT: True}},
        {"events": [LOGOUT]},
        {"nonce": "n"},
        {"nonce": None},
        {"jti": GONE},
        {"jti": ""},
        {"jti": 3},
        {"sid": GONE},
        {"sid": 5},
        {"iss": "https://other.test"},
        {"aud": "other"},
        {"exp": int(T0) - 100},
        {"exp": GONE},
        {"iat": int(T0) + 1000},
    ],
    ids=repr,
)
def test_a_faulty_logout_token_is_refused(provider: Provider, fault: Loose) -> None:
    """An ID token is none, and neither is one that names nobody."""
    with pytest.raises(LoginRefusedError):
        logout_token(logout(provider, **fault), keys(provider), EXPECTED, now=T0)


@pytest.mark.parametrize("typ", ["logout+jwt", "JWT", "application/logout+jwt"])
def test_a_good_logout_token(provider: Provider, typ: str) -> None:
    """It is remembered for as long as it would count."""
    provider.header["typ"] = typ

    ended = logout_token(logout(provider), keys(provider), EXPECTED, now=T0)

    assert (ended.sid, ended.subject) == ("session-1", "")
    assert ended.until >= T0 + 120
