"""Programs that may ask the suite's own issuer for tokens."""

from typing import Any

import pytest
from pydantic import ValidationError

from intertie.suite.identity import Identity
from intertie.suite.oauth_client import OAuthClient

DONE = "https://app.test/done"
SECRET = "${secret:web}"


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.test/done",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "/done",
        "//app.test/done",
        "https:///done",
        "https://app.test/done#x",
        "https://user@app.test/",
        "https://*.app.test/",
        "https://app.test/\r\nx: y",
        "https://app.test\\@evil.test/",
        "https://app.test:99999/",
        "https://app.test/ü",
        "https://app.test/" + "x" * 2000,
        "",
    ],
)
@pytest.mark.parametrize("key", ["redirect_uris", "logout_uris"])
def test_users_are_not_sent_to_odd_places(key: str, uri: str) -> None:
    """Only to pages over TLS, to this machine, and to apps."""
    with pytest.raises(ValidationError, match="users cannot be sent there"):
        OAuthClient.model_validate({"redirect_uris": DONE, key: [uri]})


@pytest.mark.parametrize(
    "uri", ["https://app.test:8443/a?b=c", "http://[::1]/", "http://localhost:3000", "com.acme:/x"]
)
def test_users_are_sent_to_ordinary_places(uri: str) -> None:
    """Pages, this machine, apps."""
    assert OAuthClient.model_validate({"redirect_uris": uri}).redirect_uris == (uri,)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"grants": "client_credentials"}, "cannot prove that it acts for itself"),
        ({"introspects": True}, "cannot ask about tokens"),
        ({"redirect_uris": []}, "needs an address to go to"),
        ({"client_secret": "hunter2"}, "expected a reference"),
        ({"client_secret": [SECRET] * 3}, "at most 2"),
        ({"scopes": ["a b"]}, "pattern"),
        ({"scopes": ['a"']}, "pattern"),
        ({"grants": "implicit"}, "authorization_code"),
        ({"redirect_uris": [DONE] * 51}, "at most 50"),
    ],
)
def test_a_client_that_makes_no_sense_is_a_fault(other: dict[str, Any], why: str) -> None:
    """And said why."""
    with pytest.raises(ValidationError, match=why):
        OAuthClient.model_validate({"redirect_uris": DONE, **other})


def test_a_name_is_a_client_id() -> None:
    """Letters, digits, dots, dashes and underscores."""
    told = {"grants": "client_credentials", "client_secret": SECRET}

    assert Identity.model_validate({"clients": {"nightly-job": told}}).clients
    with pytest.raises(ValidationError):
        Identity.model_validate({"clients": {"nightly job": told}})
