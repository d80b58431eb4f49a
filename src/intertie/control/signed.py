"""Tokens of the suite's own issuer, verified strictly. Loads the library of signatures."""

from intertie.identity.issuer import Issuer
from intertie.identity.tokens.jwk import Keys
from intertie.identity.tokens.jws import Claims, Policy, Refusal, verify


def claims_of(
    text: str, issuer: Issuer, audience: str | None, *, now: float, expired_too: bool = False
) -> Claims | None:
    """What an access token says; None for one that is not ours, or not good."""
    policy = Policy(issuer.url, audience, expired_too=expired_too)
    found = verify(text, Keys.parse(issuer.jwks()), policy, now=now)
    return None if isinstance(found, Refusal) else found
