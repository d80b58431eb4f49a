"""Requests to providers."""

import socket
import threading
from pathlib import Path

import pytest
import trustme
from starlette.responses import Response

from intertie.identity.sso import ProviderError
from intertie.identity.sso.fetch import Fetch, check_address, place
from tests.identity.sso.idp import ISSUER, Provider, asking

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "url",
    ["http://idp.test/", "ftp://idp.test/", "file:///etc/passwd", "https://a:b@idp.test/", "//x",
     "https:///x", "https://idp.test/#x", "", "http://127.0.0.1.evil.test/", "https://[::1"],
)  # fmt: skip
def test_an_address_that_is_not_asked(url: str) -> None:
    """Plain, of another kind, with a password in it, or none."""
    with pytest.raises(ProviderError):
        check_address(url)


@pytest.mark.parametrize(
    "url", ["https://idp.test/x?y", "http://localhost:1/", "http://127.0.0.1/", "http://[::1]:8/"]
)
def test_an_address_that_is_asked(url: str) -> None:
    """Encrypted, or of this machine."""
    check_address(url)


def test_errors_tell_no_secrets() -> None:
    """Neither parameters nor names and passwords."""
    assert place("https://a:b@idp.test/x?code=1#y") == "idp.test/x"


async def test_an_answer_is_small_and_leads_nowhere() -> None:
    """A megabyte is enough, and a redirect is an answer."""
    provider = Provider(token_answer=lambda _: Response("x" * (1 << 21)))
    async with asking(provider) as fetch:
        with pytest.raises(ProviderError, match="more than"):
            await fetch.post(f"{ISSUER}/token", {})
        provider.token_answer = lambda _: Response("", 302, {"location": f"{ISSUER}/jwks"})
        answer = await fetch.post(f"{ISSUER}/token", {})

    assert (answer.status, answer.document) == (302, {})
    assert provider.count("/jwks") == 0


@pytest.mark.slow
async def test_a_server_that_nobody_vouches_for(tmp_path: Path) -> None:
    """Its certificate is checked, against the authority that is named."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def hang_up() -> None:
            listener.accept()[0].close()

        done = threading.Thread(target=hang_up, daemon=True)
        done.start()
        async with Fetch.open(tmp_path / "ca.pem") as fetch:
            with pytest.raises(ProviderError, match="cannot ask"):
                await fetch.get(f"https://127.0.0.1:{port}/")
        done.join(60)
