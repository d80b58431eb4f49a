"""The encrypted door, on a real Envoy: which clients it takes, and what it tells of them."""

import re
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from anyio import run_process

from intertie.gateway import tls
from intertie.gateway.certificate_files import CertificateFiles
from intertie.identity.authority import Authority
from intertie.suite.tls import Tls
from tests.gateway import stage
from tests.gateway.ports import PORTS
from tests.gateway.tls_stage import Signer, TlsDoor, now, serve, upstream

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@asynccontextmanager
async def door(folder: Path, names: Sequence[str], **keys: object) -> AsyncIterator[TlsDoor]:
    """A gateway with a certificate for each of these names, in front of an echo."""
    signer = Signer(folder)
    pairs = [dict(zip(("cert_file", "key_file"), signer.server(n), strict=True)) for n in names]
    made = Tls.model_validate({"certificates": pairs, **keys})
    async with upstream() as port, serve(folder, made, signer, port) as found:
        yield found


async def test_the_certificate_of_the_asked_name_is_shown(tmp_path: Path) -> None:
    """By SNI; the first one for other names, and for clients that ask for none."""
    async with door(tmp_path, ["a.test", "b.test"]) as made:
        shown = [await made.names_shown(name) for name in ("a.test", "b.test", "c.test", None)]

    assert shown == [["a.test"], ["b.test"], ["a.test"], ["a.test"]]


@pytest.mark.parametrize(
    ("least", "option", "taken"),
    [
        ("1.2", "-tls1_1", None),
        ("1.2", "-tls1_2", "TLSv1.2"),
        ("1.2", "-no_ssl3", "TLSv1.3"),
        ("1.3", "-tls1_2", None),
    ],
)
async def test_old_versions_are_refused(
    tmp_path: Path, least: str, option: str, taken: str | None
) -> None:
    """1.1 always; of what both know, the newest is spoken."""
    async with door(tmp_path, ["a.test"], min_version=least) as made:
        command = ["openssl", "s_client", "-brief", "-cipher", "DEFAULT:@SECLEVEL=0", option]
        done = await run_process(
            [*command, "-connect", f"127.0.0.1:{made.port}"], input=b"", check=False
        )

    found = re.search(r"Protocol version: (\S+)", done.stderr.decode())
    assert (found[1] if found else None) == taken
    assert taken or b"alert protocol version" in done.stderr


async def test_http_2_is_chosen_where_the_client_can(tmp_path: Path) -> None:
    """By ALPN; others speak HTTP/1.1. Browsers are told to come encrypted."""
    async with door(tmp_path, ["localhost"]) as made:
        answers = []
        for two in (True, False):
            async with httpx.AsyncClient(verify=made.context(), http2=two, timeout=30) as http:
                answers.append(await http.get(f"https://localhost:{made.port}/"))

    assert [each.http_version for each in answers] == ["HTTP/2", "HTTP/1.1"]
    expected = "max-age=31536000; includeSubDomains"
    assert [each.headers["strict-transport-security"] for each in answers] == [expected] * 2


async def test_clients_are_known_by_their_certificates(tmp_path: Path) -> None:
    """The service learns the name in a checked certificate, and no name a client made up."""
    lies = {tls.CERTIFICATE_HEADER: "root", "x-forwarded-client-cert": "URI=root"}
    async with door(tmp_path, ["localhost"], client_ca_file="clients.crt") as made:
        told = {}
        for name in ("spiffe://x/uri", "dns.test", ""):
            context = made.context()
            if name:
                context.load_cert_chain(*made.signer.client(name))
            async with httpx.AsyncClient(verify=context, headers=lies, timeout=30) as http:
                told[name] = (await http.get(f"https://localhost:{made.port}/")).json()["headers"]

    assert told["spiffe://x/uri"][tls.CERTIFICATE_HEADER] == "spiffe://x/uri"
    assert "URI=spiffe://x/uri" in told["spiffe://x/uri"]["x-forwarded-client-cert"]
    assert told["dns.test"][tls.CERTIFICATE_HEADER] == "dns.test"
    assert tls.CERTIFICATE_HEADER not in told[""]
    assert "root" not in str(told)


async def test_who_must_show_a_certificate_and_has_none_is_refused(tmp_path: Path) -> None:
    """So is one of a foreign authority, and one that was taken back."""
    keys = {
        "client_ca_file": "clients.crt",
        "require_client_certificate": True,
        "crl_file": "clients.crl",
    }
    signer = Signer(tmp_path)
    good, bad = signer.client("good.test"), signer.client("bad.test")
    signer.revoke(bad[0])
    foreign = Signer(tmp_path / "foreign").client("good.test")
    async with door(tmp_path, ["localhost"], **keys) as made:
        taken = [await made.lets_in(pair) for pair in (good, bad, foreign, None)]

    assert taken == [True, False, False, False]


async def test_unencrypted_requests_are_sent_on(tmp_path: Path) -> None:
    """308, so that a POST stays one, with path and query, to the encrypted port."""
    plain = PORTS.take("redirect")
    async with (
        door(tmp_path, ["localhost"], redirect_http=plain) as made,
        httpx.AsyncClient(timeout=30) as http,
    ):
        answer = await http.post(f"http://localhost:{plain}/a?b=1", content=b"x")

    assert answer.status_code == 308
    assert answer.headers["location"] == f"https://localhost:{made.port}/a?b=1"


async def test_self_signed_is_for_localhost(tmp_path: Path) -> None:
    """By the suite's authority, whose root a client may trust; browsers need not remember."""
    signer = Signer(tmp_path)
    made = Tls(self_signed=True)
    async with upstream() as port, serve(tmp_path, made, signer, port) as found:
        context = ssl.create_default_context(cafile=tmp_path / "keys" / "authority.crt")
        async with httpx.AsyncClient(verify=context, timeout=30) as http:
            answers = [
                await http.get(f"https://{host}:{found.port}/")
                for host in ("localhost", "127.0.0.1")
            ]

    assert [each.status_code for each in answers] == [200, 200]
    assert "strict-transport-security" not in answers[0].headers


async def test_the_gateway_of_a_suite_is_encrypted(tmp_path: Path) -> None:
    """HTTP/2 where the client can, who the client is by its certificate, and a way from port 80."""
    signer, plain = Signer(tmp_path), PORTS.take("redirect")
    pair = dict(zip(("cert_file", "key_file"), signer.server("localhost"), strict=True))
    wanted = {"certificates": [pair], "client_ca_file": "clients.crt", "redirect_http": plain}
    suite = stage.suite_of({"path": "/", "service": "web"}, tls=wanted)
    authority = Authority.open(tmp_path / "authority", "shop", now=now)
    files = CertificateFiles(
        Tls.model_validate(wanted), tmp_path / "envoy", base=tmp_path, authority=authority, now=now
    )
    await files.prepare()
    context = ssl.create_default_context(cafile=signer.file)
    context.load_cert_chain(*signer.client("spiffe://x/ada"))
    async with (
        stage.upstream("web") as web,
        stage.door(tmp_path, suite, {"web": [web.port]}) as made,
        httpx.AsyncClient(verify=context, http2=True, headers=made.bearer(), timeout=30) as http,
    ):
        url = f"https://localhost:{made.gateway.port}"
        lies = {tls.CERTIFICATE_HEADER: "root"}
        answer = await http.get(f"{url}/a", headers=lies)
        refused = await http.get(f"{url}/a", headers={"authorization": ""})
        sent_on = await http.get(f"http://localhost:{plain}/a?b=1")

    assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
    assert answer.json()["headers"][tls.CERTIFICATE_HEADER] == "spiffe://x/ada"
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
    assert refused.status_code == 401
    assert (sent_on.status_code, sent_on.headers["location"]) == (308, f"{url}/a?b=1")


def test_an_own_certificate_is_checked_at_both_ends() -> None:
    """A client's certificate is asked for only where it can be judged."""
    plain = tls.transport_socket(Tls(self_signed=True))["typed_config"]
    checked = tls.transport_socket(Tls(self_signed=True, client_ca_file="a"))["typed_config"]

    assert "validation_context_sds_secret_config" not in plain["common_tls_context"]
    assert (
        checked["common_tls_context"]["validation_context_sds_secret_config"]["name"] == "clients"
    )
    assert tls.manager_settings(Tls(self_signed=True)) == {}
