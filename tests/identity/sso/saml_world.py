"""A suite and a SAML provider of another maker that trust each other."""

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from intertie.identity.sso.flows import Flow
from intertie.runtime.ports import Ports
from tests.api.login.site import Site, site
from tests.identity.sso.peers import saml_provider


def pair() -> tuple[str, str]:
    """A key and its own certificate, as PEM."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "provider")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return private.decode(), certificate.public_bytes(pem).decode()


@contextmanager
def partners(folder: Path, *, post: bool = False) -> Iterator[tuple[Site, str]]:
    """The suite, and the address of the provider's metadata."""
    ports = Ports()
    port, other = ports.take("test"), ports.take("test")
    key, certificate = pair()
    url = f"http://localhost:{port}"
    identity = {
        "sso_configuration": {"allowed_domains": ["example.com"]},
        "rbac_integration": {"group_mapping": {"admins": ["admin"]}},
        "providers": {
            "partner": {"kind": "saml", "metadata": f"http://127.0.0.1:{other}/metadata"}
        },
    }
    with (
        saml_provider(url, port=other, key=key, certificate=certificate, post=post) as metadata,
        site(folder, identity, port=port) as found,
    ):
        yield found, metadata


def answered(found: Site) -> tuple[Flow, bytes]:
    """A login at the provider: the flow, and the response a browser would bring."""
    desk = found.made.desk
    flow = Flow.begin("partner", "/wanted", found.made.clock().timestamp())
    request = found.run(desk.saml["partner"].request, flow)
    page = httpx.get(request.url, timeout=60).raise_for_status().text
    (value,) = re.findall(r'name="SAMLResponse" value="([^"]*)"', page)
    return flow, base64.b64decode(unescape(value))
