"""Files that the gateway of a suite names."""

from collections.abc import Iterator
from pathlib import Path

from intertie.errors import Fault
from intertie.suite import descriptors
from intertie.suite.draft import Draft
from intertie.suite.gateway import Gateway
from intertie.suite.model import Suite
from intertie.suite.nearest import did_you_mean
from intertie.suite.route import Route, Transcoding
from intertie.suite.security import Addresses
from intertie.suite.tls import Tls
from intertie.suite.tree import Keys

_HOW = "write it with `protoc --include_imports --descriptor_set_out`"


def gateway_files(draft: Draft) -> Iterator[Fault]:
    """They are there. What is in them is judged when they are read."""
    for keys, name in _named(draft):
        if not (draft.folder / name).is_file():
            yield draft.fault(("gateway", *keys), f"there is no file {draft.folder / name}")
    for way, route in _routes(draft):
        if route.grpc_json is not None:
            yield from _described(draft, (*way, "grpc_json"), route.grpc_json)


def countries_are_known(draft: Draft) -> Iterator[Fault]:
    """Only a database says which country an address is in."""
    if draft.gateway is None or draft.gateway.security.geo_database:
        return
    asked: list[tuple[Keys, Addresses]] = [
        (("gateway", "security", "addresses"), draft.gateway.security.addresses)
    ]
    for way, route in _routes(draft):
        if route.addresses is not None:
            asked.append(((*way, "addresses"), route.addresses))
    for keys, wanted in asked:
        for key in ("countries", "denied_countries"):
            if getattr(wanted, key):
                why = "countries need `security.geo_database`"
                yield draft.fault((*keys, key), why, "name a MaxMind database of countries")


def located(gateway: Gateway, folder: Path) -> Gateway:
    """The same with the whole path of what Envoy itself reads; `folder` is the suite file's."""
    gateway = _with_authorities(gateway, folder)
    database = gateway.security.geo_database
    if database is None:
        return gateway
    found = str((folder / database).resolve())
    security = gateway.security.model_copy(update={"geo_database": found})
    return gateway.model_copy(update={"security": security})


def _with_authorities(gateway: Gateway, folder: Path) -> Gateway:
    if not any(each.ca_file for each in gateway.external.values()):
        return gateway
    made = {
        name: each.model_copy(update={"ca_file": str((folder / each.ca_file).resolve())})
        if each.ca_file
        else each
        for name, each in gateway.external.items()
    }
    return gateway.model_copy(update={"external": made})


def described(suite: Suite, folder: Path) -> dict[str, bytes]:
    """What describes the gRPC services of routes, by the names that routes have for the files.

    Raises ValueError with the reason.
    """
    tenants = [route for tenant in suite.tenants.values() for route in tenant.routes]
    shared = suite.gateway.routes if suite.gateway else ()
    wanted = [route.grpc_json for route in (*shared, *tenants) if route.grpc_json]
    names = sorted({each.descriptor for each in wanted})
    return {name: descriptors.read(folder / name) for name in names}


def _routes(draft: Draft) -> Iterator[tuple[Keys, Route]]:
    for index, route in draft.routes.items():
        yield ("gateway", "routes", index), route
    yield from draft.tenant_routes.items()


def _described(draft: Draft, keys: Keys, wanted: Transcoding) -> Iterator[Fault]:
    path = draft.folder / wanted.descriptor
    if not path.is_file():
        yield draft.fault((*keys, "descriptor"), f"there is no file {path}", _HOW)
        return
    try:
        known = descriptors.service_names(descriptors.read(path))
    except ValueError as exc:
        yield draft.fault((*keys, "descriptor"), f"cannot use {path}: {exc}", _HOW)
        return
    for index, name in enumerate(wanted.services):
        if name not in known:
            why = f"{path.name} describes no service {name!r}"
            yield draft.fault((*keys, "services", index), why, did_you_mean(name, known))


def _named(draft: Draft) -> Iterator[tuple[Keys, str]]:
    gateway = draft.gateway
    if gateway is None:
        return
    yield from _of_tls(gateway.tls) if gateway.tls else ()
    for name, external in gateway.external.items():
        if external.ca_file:
            yield ("external", name, "ca_file"), external.ca_file
    for index, issuer in enumerate(gateway.security.authentication.issuers):
        if issuer.jwks_file:
            way = ("security", "authentication", "issuers", index, "jwks_file")
            yield way, issuer.jwks_file
    if gateway.security.geo_database:
        yield ("security", "geo_database"), gateway.security.geo_database


def _of_tls(tls: Tls) -> Iterator[tuple[Keys, str]]:
    for index, certificate in enumerate(tls.certificates):
        yield ("tls", "certificates", index, "cert_file"), certificate.cert_file
        yield ("tls", "certificates", index, "key_file"), certificate.key_file
    if tls.client_ca_file:
        yield ("tls", "client_ca_file"), tls.client_ca_file
    if tls.crl_file:
        yield ("tls", "crl_file"), tls.crl_file
