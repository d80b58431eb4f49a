"""What a suite file may say of services of others."""

from collections.abc import Callable
from pathlib import Path

import pytest

from intertie.suite.external import External
from intertie.suite.gateway import Gateway
from intertie.suite.gateway_files import located

Told = Callable[..., list[str]]
HEAD = "suite: x\nservices:\n  web: {command: x, port: auto}\ngateway:\n"


@pytest.mark.parametrize(
    ("url", "authority", "port"),
    [
        ("https://API.example.com", "api.example.com", 443),
        ("http://api.example.com/", "api.example.com", 80),
        ("https://10.0.0.7:8443", "10.0.0.7:8443", 8443),
    ],
)
def test_the_address_says_where_and_how(url: str, authority: str, port: int) -> None:
    """Scheme, host and port, as a browser reads them."""
    made = External(url=url)

    assert (made.authority, made.port) == (authority, port)


@pytest.mark.parametrize(
    ("gateway", "fault"),
    [
        ("external: {pay: {url: 'https://a.example/v1'}}", "external.pay.url"),
        ("external: {pay: {url: 'https://u:p@a.example'}}", "external.pay.url"),
        ("external: {pay: {url: 'https://a.example:99999'}}", "a port from 1 to 65535"),
        ("external: {pay: {url: 'https://a.example', addresses: [b:1]}}", "an address and port"),
        ("external: {pay: {url: 'http://a.example', ca_file: c.pem}}", "only `https` has"),
        ("external: {pay: {url: 'https://a.example', ca_file: c.pem}}", "there is no file"),
        ("external: {web: {url: 'https://a.example'}}", "`web` is the name of a service"),
        ("external: {intertie.login: {url: 'https://a.example'}}", "of a part of Intertie"),
        ("routes: [{path: /, service: pay}]", "no service is called 'pay'"),
        (
            "external: {pay: {url: 'https://a.example'}}\n  streams: [{port: 5432, service: pay}]",
            "no service is called 'pay'",
        ),
    ],
)
def test_what_cannot_be_is_refused(told: Told, gateway: str, fault: str) -> None:
    """When the file is read, with the key."""
    faults = told(f"{HEAD}  {gateway}\n")
    assert any(fault in each for each in faults), faults


def test_routes_name_it_as_they_name_a_service(load_text: Callable[[str], object]) -> None:
    """As target, as part, and for copies."""
    load_text(
        f"{HEAD}  external: {{pay: {{url: 'https://a.example', addresses: ['[::1]:1']}}}}\n"
        "  routes:\n"
        "    - {path: /, service: pay, mirror: {service: pay}}\n"
        "    - {path: /b, split: [{service: pay, weight: 1}, {service: web, weight: 1}]}\n"
    )


def test_its_authority_is_found_from_the_folder_of_the_suite_file(tmp_path: Path) -> None:
    """Envoy runs elsewhere."""
    said = {"url": "https://a.example", "ca_file": "ca.pem"}
    made = Gateway.model_validate({"external": {"pay": said}})

    found = located(made, tmp_path).external["pay"].ca_file
    assert found == str(tmp_path.resolve() / "ca.pem")


@pytest.mark.parametrize(
    ("gateway", "fault"),
    [
        ("routes: [{path: /, service: web, external_auth: true}]", "there is no `security.ext"),
        ("security: {external_authorization: {service: opa}}", "no service is called 'opa'"),
        (
            "security: {external_authorization: {service: web, answer_headers: [X-Roles]}}",
            "X-Roles is for the gateway alone to say",
        ),
    ],
)
def test_a_policy_that_cannot_be_asked_is_refused(told: Told, gateway: str, fault: str) -> None:
    """When the file is read, with the key."""
    faults = told(f"{HEAD}  {gateway}\n")
    assert any(fault in each for each in faults), faults


def test_a_policy_of_others_can_be_asked(load_text: Callable[[str], object]) -> None:
    """It is named as routes name it."""
    load_text(
        f"{HEAD}  external: {{opa: {{url: 'https://a.example'}}}}\n"
        "  security: {external_authorization: {service: opa, headers: [cookie]}}\n"
        "  routes: [{path: /, service: web, external_auth: true}]\n"
    )
