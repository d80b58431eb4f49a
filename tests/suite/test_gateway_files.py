"""Files that a gateway names."""

from collections.abc import Callable
from pathlib import Path

from tests.gateway.policy.calls import descriptor

Check = Callable[..., list[str]]
Write = Callable[..., Path]
HEAD = "suite: x\nservices:\n  web: {command: x, port: auto}\ngateway:\n"


def test_files_of_certificates_are_there(told: Check, write: Write) -> None:
    """Each that is missing is told at its own place."""
    write("", "a.crt")
    faults = told(
        HEAD
        + "  tls:\n"
        + "    certificates:\n"
        + "      - {cert_file: a.crt, key_file: a.key}\n"
        + "    client_ca_file: clients.crt\n"
        + "    crl_file: clients.crl\n"
    )

    assert faults == [
        "suite.yaml:7:28: gateway.tls.certificates[0].key_file: there is no file a.key",
        "suite.yaml:8:5: gateway.tls.client_ca_file: there is no file clients.crt",
        "suite.yaml:9:5: gateway.tls.crl_file: there is no file clients.crl",
    ]


def test_key_sets_of_foreign_issuers_are_there(told: Check) -> None:
    """The gateway could not be set up without."""
    faults = told(
        HEAD
        + "  security:\n"
        + "    authentication:\n"
        + "      issuers: [{issuer: i, audiences: [a], jwks_file: keys.json}]\n"
    )

    assert len(faults) == 1
    assert "issuers[0].jwks_file: there is no file keys.json" in faults[0]


def test_a_descriptor_holds_the_services_of_its_route(told: Check, tmp_path: Path) -> None:
    """A file that is missing, is something else, or describes others, is told at its key."""
    (tmp_path / "shop.desc").write_bytes(descriptor())
    (tmp_path / "bad.desc").write_text("syntax")
    faults = told(
        HEAD
        + "  routes:\n"
        + "    - {path: /a, service: web, grpc_json: {descriptor: no.desc, services: [a.B]}}\n"
        + "    - {path: /b, service: web, grpc_json: {descriptor: bad.desc, services: [a.B]}}\n"
        + "    - path: /c\n"
        + "      service: web\n"
        + "      grpc_json:\n"
        + "        descriptor: shop.desc\n"
        + "        services: [shop.v1.Orders, shop.v1.Order]\n"
    )

    assert [fault.partition(": gateway.routes")[0] for fault in faults] == [
        "suite.yaml:6:44",
        "suite.yaml:7:44",
        "suite.yaml:12:36",
    ]
    assert "there is no file no.desc" in faults[0]
    assert "cannot use bad.desc" in faults[1]
    assert "did you mean `shop.v1.Orders`" in faults[2]


def test_countries_need_a_database(told: Check) -> None:
    """At every place that names some."""
    faults = told(
        HEAD
        + "  security: {addresses: {countries: [DE]}}\n"
        + "  routes:\n"
        + "    - {path: /a, service: web, addresses: {denied_countries: [US]}}\n"
        + "    - {path: /b, service: web, addresses: {deny: [10.0.0.0/8]}}\n"
        + "tenants:\n"
        + "  acme:\n"
        + "    domains: a.example\n"
        + "    routes: [{path: /, service: web, addresses: {countries: [FR]}}]\n"
    )

    assert [fault.partition(": ")[0] for fault in faults] == [
        "suite.yaml:5:26",
        "suite.yaml:7:44",
        "suite.yaml:12:50",
    ]
    assert all("countries need `security.geo_database`" in fault for fault in faults)
