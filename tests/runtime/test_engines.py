import os
from pathlib import Path

import pytest

from intertie.errors import GatewayError
from intertie.runtime.engines import envoy_path, gateway_service, standing
from intertie.suite.gateway import Gateway

pytestmark = pytest.mark.slow


def program(file: Path, says: str) -> Path:
    """A program that answers --version so."""
    file.write_text(f"#!/bin/sh\necho '{says}'\n")
    file.chmod(0o700)
    return file


def test_the_wheel_brings_a_running_envoy() -> None:
    """Of the version the configuration is written for."""
    path = envoy_path()

    assert path.is_file()
    assert os.access(path, os.X_OK)


def test_another_envoy_may_be_chosen(tmp_path: Path) -> None:
    """Any that is not older."""
    chosen = program(tmp_path / "envoy", "envoy  version: abc/1.41.2-dev/Clean/RELEASE/BoringSSL")

    assert envoy_path(chosen) == chosen
    assert str(chosen) in gateway_service(Gateway(), tmp_path, envoy=chosen).command


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ("envoy  version: abc/1.36.3/Clean/RELEASE/BoringSSL", "is Envoy 1.36, and 1.40 or newer"),
        ("nginx version: nginx/1.22.1", "is not an Envoy"),
        ("", "is not an Envoy"),
    ],
)
def test_what_is_no_envoy_or_too_old_is_refused(tmp_path: Path, says: str, why: str) -> None:
    """Before anything is configured for it."""
    chosen = program(tmp_path / "envoy", says)

    with pytest.raises(GatewayError, match=f"cannot run the gateway: .*{why}"):
        envoy_path(chosen)


def test_a_binary_that_is_not_there_is_told(tmp_path: Path) -> None:
    """By its path."""
    with pytest.raises(GatewayError, match=r"none does not start: .*No such file"):
        envoy_path(tmp_path / "none")


def test_a_new_address_is_another_service(tmp_path: Path) -> None:
    """So that the plan restarts Envoy; new routes do not."""
    before = gateway_service(Gateway(), tmp_path)

    assert gateway_service(Gateway(host="0.0.0.0"), tmp_path) != before  # noqa: S104 — not bound
    assert gateway_service(Gateway(port=8001), tmp_path) != before
    assert gateway_service(Gateway(), tmp_path) == before


def test_what_only_a_new_envoy_reads_is_part_of_its_command() -> None:
    """So that a change of it is planned as a restart; a change of a route is none."""
    plain = Gateway(port=8000)
    proxies = Gateway.model_validate({"security": {"trusted_proxies": "10.0.0.0/8"}})
    cors = Gateway.model_validate({"security": {"cors": {"allowed_origins": "*"}}})
    encrypted = Gateway.model_validate({"tls": {"self_signed": True}})
    database = Gateway.model_validate({"security": {"geo_database": "countries.mmdb"}})

    assert standing(plain) == standing(cors) == "127.0.0.1:8000"
    assert len({standing(each) for each in (plain, encrypted, database)}) == 3
    assert standing(proxies) != standing(plain)
