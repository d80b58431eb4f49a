"""Programs that may ask for tokens."""

import pytest

from intertie.identity.tokens.clients import Client, ClientError, Clients
from intertie.suite.oauth_client import OAuthClient

DONE = ("https://app.test/done",)
OLD, NEW = "o" * 32, "n" * 32
KNOWN = {"${secret:old}": OLD, "${secret:new}": NEW, "${secret:weak}": "hunter2"}


def clients(**told: OAuthClient) -> Clients:
    """Declared so."""
    return Clients(told, secret=KNOWN.__getitem__)


def test_a_client_proves_who_it_is() -> None:
    """With its secret, of which no text is kept."""
    told = OAuthClient(client_secret=("${secret:old}",), redirect_uris=DONE, roles=("reader",))
    made = clients(web=told)

    assert made.authenticate("web", OLD) == made.find("web") == Client.declared("web", told)
    for name, shown in [("web", "wrong"), ("web", ""), ("other", OLD), ("", OLD), ("web", NEW)]:
        assert made.authenticate(name, shown) is None
    assert made.find("other") is None
    assert OLD not in str(vars(made))


def test_a_public_client_has_no_secret() -> None:
    """Nothing opens it, also not nothing."""
    made = clients(spa=OAuthClient(redirect_uris=DONE))
    found = made.find("spa")

    assert found is not None
    assert found.public
    assert made.authenticate("spa", "") is None


def test_secrets_are_changed_without_a_gap() -> None:
    """While two are declared both are good."""
    made = clients(
        web=OAuthClient(client_secret=("${secret:old}", "${secret:new}"), redirect_uris=DONE)
    )

    assert made.authenticate("web", OLD)
    assert made.authenticate("web", NEW)


def test_a_weak_secret_is_refused() -> None:
    """Without showing it."""
    weak = OAuthClient(client_secret=("${secret:weak}",), redirect_uris=DONE)

    with pytest.raises(ClientError, match="32 or more") as caught:
        clients(web=weak)

    assert "hunter2" not in str(caught.value)
