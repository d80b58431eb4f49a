"""What the daemon makes of a suite's `identity`."""

from pathlib import Path
from typing import Any

import pytest

from intertie.app.identity import (
    SETTINGS,
    door_service,
    issuer,
    needs_door,
    public_url,
    read_settings,
    settings_of,
)
from intertie.errors import GatewayError
from intertie.runtime.folder import StateFolder
from intertie.suite.model import Suite


def suite(**identity: Any) -> Suite:
    """With a gateway on port 8000."""
    return Suite.model_validate(
        {
            "suite": "test",
            "services": {"web": {"command": "true", "port": "auto"}},
            "gateway": {"port": 8000},
            "identity": identity,
        }
    )


def test_the_issuer_is_an_address_where_somebody_answers() -> None:
    """Of a suite without identities it is just a name."""
    plain = suite().model_copy(update={"identity": None})

    assert issuer(suite()) == "http://localhost:8000/auth"
    assert issuer(suite(url="https://app.example/")) == "https://app.example/auth"
    assert issuer(plain) == "intertie"
    assert public_url(plain) == "http://localhost:8000"


def test_the_door_is_told_references_and_no_secrets(tmp_path: Path) -> None:
    """What it reads is what the suite says; the words behind references it finds itself."""
    provider = {
        "kind": "oidc",
        "issuer": "https://idp.example",
        "client_id": "x",
        "client_secret": "${secret:idp}",
    }
    folder = StateFolder(tmp_path / ".intertie")
    folder.create()
    settings = settings_of(suite(providers={"idp": provider}), tmp_path)

    door_service(settings, folder)

    assert read_settings(folder.identity / SETTINGS) == settings
    assert "${secret:idp}" in (folder.identity / SETTINGS).read_text()
    assert folder.identity.stat().st_mode & 0o077 == 0


def test_another_identity_is_another_command(tmp_path: Path) -> None:
    """So that a change of it is planned as a restart of the door, and nothing else is."""
    folder = StateFolder(tmp_path / ".intertie")
    folder.create()

    def command(wanted: Suite) -> tuple[str, ...]:
        return door_service(settings_of(wanted, tmp_path), folder).command

    assert command(suite()) == command(suite())
    assert command(suite()) != command(suite(login_path="/login"))


def test_settings_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(GatewayError, match="run `intertie up` again"):
        read_settings(tmp_path / SETTINGS)


_DOCUMENT = {"file": "a.yaml", "service": "web"}


@pytest.mark.parametrize(
    ("keys", "needed"),
    [
        ({"gateway": {}}, False),
        ({"identity": {}}, False),
        ({"gateway": {}, "identity": {}}, True),
        ({"gateway": {"openapi": [_DOCUMENT]}}, True),
        ({"gateway": {"openapi": [{**_DOCUMENT, "validate_requests": False}]}}, False),
        ({"gateway": {"rate_limiting": {"counters": "shared"}}}, True),
        ({"gateway": {"rate_limiting": {}}}, False),
    ],
)
def test_a_door_is_there_for_what_envoy_cannot_look_at(keys: dict[str, Any], needed: bool) -> None:
    """People, request checks, shared counters; without any of these no process is started."""
    services = {"web": {"command": "true", "port": "auto"}}
    suite = Suite.model_validate({"suite": "x", "services": services, **keys})

    assert needs_door(suite) is needed
    assert settings_of(suite, Path()).knows_people is ("identity" in keys)
