"""Identity providers of other makers, run as real servers for the tests."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests import npm_peer
from tests.npm_peer import NODE

_PEERS = Path(__file__).parent / "peers"
CLIENT_SECRET = "a secret/with+odd:signs"


def installed() -> Path:
    """The folder with the peers, installed once and shared by all runs."""
    return npm_peer.installed(_PEERS)


@contextmanager
def oidc_provider(suite: str, *, port: int, access_s: int = 3600) -> Iterator[str]:
    """The issuer. `suite` is the origin of the login pages that it knows."""
    told = {
        "port": port,
        "issuer": f"http://localhost:{port}",
        "redirect_uris": [f"{suite}/auth/callback/corporate"],
        "post_logout_redirect_uris": [f"{suite}/auth/logged-out"],
        "backchannel_logout_uri": f"{suite}/auth/logout/back/corporate",
        "access_s": access_s,
    }
    with _running("oidc.mjs", told):
        yield str(told["issuer"])


@contextmanager
def saml_provider(
    suite: str, *, port: int, key: str, certificate: str, post: bool = False, user: str = "ada"
) -> Iterator[str]:
    """The address of its metadata. Whoever comes there is `user`."""
    told = {
        "port": port,
        "key": key,
        "certificate": certificate,
        "sp_metadata": f"{suite}/auth/saml/partner/metadata",
        "post": post,
        "user": user,
    }
    with _running("saml.mjs", told):
        yield f"http://127.0.0.1:{port}/metadata"


@contextmanager
def _running(script: str, told: dict[str, object]) -> Iterator[None]:
    command: Sequence[str] = [str(NODE), script, json.dumps(told)]
    with subprocess.Popen(
        command, cwd=installed(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            ready = process.stdout.readline()
            assert ready.strip() == "ready", f"{script} did not start: {ready}"
            yield
        finally:
            process.kill()
            process.wait(timeout=10)
