"""Which issuers are believed; what tokens are accepted is in tests/gateway/test_tokens.py."""

import json
from typing import Any

from intertie.gateway.policy import tokens
from intertie.gateway.routes import Surroundings
from tests.gateway.rules import routes


def config(*issuers: dict[str, Any], files: dict[str, str] | None = None) -> dict[str, Any]:
    """Of the filter, with foreign issuers."""
    around = Surroundings(issuer="intertie", jwks={"keys": []}, files=files or {})
    security = {"authentication": {"issuers": list(issuers)}}
    return tokens.config(routes({"path": "/a", "service": "web"}, around=around, security=security))


def test_every_path_needs_a_token_of_one_of_the_issuers() -> None:
    """Also paths that nobody thought of."""
    made = config(
        {"issuer": "https://idp.example", "audiences": ["a"], "jwks_file": "k"}, files={"k": "{}"}
    )

    [rule] = made["rules"]
    assert rule["match"] == {"prefix": "/"}
    names = [each["provider_name"] for each in rule["requires"]["requires_any"]["requirements"]]
    assert names == ["suite", "issuer1"] == list(made["providers"])


def test_each_issuer_must_say_when_a_token_ends_and_for_whom_it_is() -> None:
    """Envoy accepts tokens without either unless it is told not to."""
    made = config(
        {"issuer": "https://idp.example", "audiences": ["a"], "jwks_file": "k"}, files={"k": "{}"}
    )

    for provider in made["providers"].values():
        assert provider["require_expiration"] is True
        assert provider["audiences"]
        assert provider["from_headers"] == [{"name": "authorization", "value_prefix": "Bearer "}]


def test_foreign_tokens_give_no_identity_of_ours() -> None:
    """Their claims are theirs: only who they are for is taken, never `x-forwarded-user`."""
    made = config(
        {"issuer": "https://idp.example", "audiences": ["a"], "jwks_file": "k"}, files={"k": "{}"}
    )

    told = {each["header_name"] for each in made["providers"]["issuer1"]["claim_to_headers"]}
    assert told == {"x-client-id"}
    assert json.loads(made["providers"]["suite"]["local_jwks"]["inline_string"]) == {"keys": []}
