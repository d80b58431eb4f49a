"""Certificates as Envoy reads them: one file a secret, replaced by rename."""

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from intertie.gateway.xds import Json, T, file_source
from intertie.identity.authority import Credential

SECRETS = "secrets"
"""Folder of the secrets, below Envoy's working folder; 0700."""
IDENTITY = "identity"
AUTHORITIES = "authorities"
_PRIVATE = 0o600


def reference(name: str) -> Json:
    """Where Envoy finds a secret."""
    return {"name": name, "sds_config": file_source(name, SECRETS)}


def certificate(name: str, credential: Credential) -> Json:
    """Certificate and key in one: a reader never sees the one without the other."""
    return _secret(
        name,
        "tls_certificate",
        {
            "certificate_chain": {"inline_string": credential.chain},
            "private_key": {"inline_string": credential.key},
        },
    )


def authorities(name: str, roots: str, *, revoked: str = "") -> Json:
    """Who may vouch for the other side; `revoked` is a list of what they have taken back."""
    checks: Json = {"trusted_ca": {"inline_string": roots}}
    if revoked:
        checks["crl"] = {"inline_string": revoked}
        # An authority between root and client need not have a list of its own.
        checks["only_verify_leaf_cert_crl"] = True
    return _secret(name, "validation_context", checks)


def put(folder: Path, secrets: Mapping[str, Json]) -> None:
    """Give them to the Envoy that runs, or will run, in `folder`; what is the same stays."""
    home = folder / SECRETS
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, secret in secrets.items():
        file, text = home / f"{name}.json", _text(secret)
        if not file.exists() or file.read_text() != text:
            _put(folder, file, text)


def version(secret: Json) -> str:
    """Hash of the content, by which Envoy tells which one it has."""
    return sha256(json.dumps(secret, sort_keys=True).encode()).hexdigest()[:16]


def _put(folder: Path, file: Path, text: str) -> None:
    # Written outside the watched folder: each rename in there makes Envoy read all again.
    part = folder / f"{file.name}.part"
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
    part.replace(file)


def _secret(name: str, kind: str, content: Json) -> Json:
    return {
        "@type": f"{T}extensions.transport_sockets.tls.v3.Secret",
        "name": name,
        kind: content,
    }


def _text(secret: Json) -> str:
    return json.dumps({"version_info": version(secret), "resources": [secret]}, sort_keys=True)
