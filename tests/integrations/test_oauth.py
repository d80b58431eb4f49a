"""OAuth 2.0 over the wire, at a real server and at a played one."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from intertie.integrations import oauth
from intertie.integrations.credentials import OAuth2
from intertie.integrations.errors import (
    AuthExpiredError,
    EgressError,
    SchemaDriftError,
)
from tests.integrations.grant_house import (
    AUTH,
    House,
    PlayedIntegration,
    Process,
    granted,
    house,
)
from tests.integrations.grant_worker import Worker, worker
from tests.integrations.oauth_server import CLIENT, Server, server
from tests.integrations.stage import answer

pytestmark = pytest.mark.anyio
BACK = "https://here.test/back"


@pytest.fixture(scope="module")
def vendor() -> Iterator[Server]:
    """The real one."""
    with server() as started:
        yield started


@asynccontextmanager
async def here(folder: Path, vendor: Server) -> AsyncIterator[Worker]:
    """This process, with a connection to the real server, where no grant is yet."""
    async with worker(folder, vendor.url) as made:
        yield made


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[House]:
    """A played vendor and a database."""
    async with house(tmp_path) as made:
        yield made


def query(url: str) -> dict[str, str]:
    """Of an address."""
    return dict(parse_qsl(urlsplit(url).query))


def finder(process: Process) -> Any:
    """How `finish` gets at its connection."""
    return process.stage.registry.get


@pytest.mark.slow
async def test_a_person_gives_consent_and_calls_work(tmp_path: Path, vendor: Server) -> None:
    """The whole way at a real server, which checks the client, the code, PKCE and the address."""
    async with here(tmp_path, vendor) as made:
        page = await made.desk.begin(made.connection, BACK)
        back = query(vendor.consent(page))

        label = await made.desk.finish(
            back["state"], back["code"], find=lambda name, tenant: made.connection
        )

        assert label == "acme/main"
        assert (await made.connection.me()).id == "ann"
        state = await made.desk.state(made.connection)
        assert state is not None
        assert state.by == "consent"
        assert state.renewable


@pytest.mark.slow
async def test_the_real_server_takes_no_other_verifier(tmp_path: Path, vendor: Server) -> None:
    """So a code that somebody caught is of no use to him."""
    async with here(tmp_path, vendor) as made:
        caught = query(vendor.consent(await made.desk.begin(made.connection, BACK)))["code"]
        own = query(await made.desk.begin(made.connection, BACK))["state"]

        with pytest.raises(AuthExpiredError, match="invalid_grant"):
            await made.desk.finish(own, caught, find=lambda name, tenant: made.connection)

        assert await made.desk.state(made.connection) is None


async def test_the_consent_page_is_told_what_is_needed(at: House) -> None:
    """Client, scopes, address, state and the challenge; the verifier stays here."""
    process = await at.process()

    page = await process.desk.begin(process.connection(), BACK)

    told = query(page)
    assert page.startswith("https://vendor.test/authorize?")
    assert told["response_type"] == "code"
    assert (told["client_id"], told["redirect_uri"]) == ("app", BACK)
    assert told["scope"] == "read write"
    assert told["code_challenge_method"] == "S256"
    assert len(told["code_challenge"]) == 43
    assert len(told["state"]) == 43
    assert "hush-hush" not in page
    for secret in (told["state"], told["code_challenge"]):
        assert secret.encode() not in at.raw()


async def test_what_comes_back_is_exchanged_with_its_verifier(at: House) -> None:
    """Whose hash was the challenge, and for the same address."""
    process = await at.process()
    told = query(await process.desk.begin(process.connection(), BACK))

    await process.desk.finish(told["state"], "the-code", find=finder(process))

    form = at.vendor.forms[0]
    assert form["grant_type"] == "authorization_code"
    assert (form["code"], form["redirect_uri"]) == ("the-code", BACK)
    assert 43 <= len(form["code_verifier"]) <= 128
    again = query(
        oauth.consent_page(
            process.stage.registry.get("main", "acme"),  # type: ignore[arg-type]
            AUTH,
            redirect_uri=BACK,
            state="s",
            verifier=form["code_verifier"],
            scopes=(),
        )
    )
    assert again["code_challenge"] == told["code_challenge"]


def made_with(process: Process, auth: OAuth2, **told: Any) -> PlayedIntegration:
    """A connection that logs in this way."""
    connection: PlayedIntegration = process.connection(**told)
    connection.auth = auth
    return connection


async def test_the_clients_secret_may_go_into_the_body(at: House) -> None:
    """Where the vendor wants it there; the header is not sent then."""
    process = await at.process()
    auth = OAuth2(token="https://vendor.test/token", proves_by="body")

    await process.desk.token(made_with(process, auth), auth)

    assert at.vendor.forms == [
        {
            "grant_type": "client_credentials",
            "scope": "write",
            "client_id": "app",
            "client_secret": "hush-hush",
        }
    ]
    assert "authorization" not in process.stage.vendor.asked[0].headers


async def test_a_client_without_a_secret_says_its_name(at: House) -> None:
    """A public client proves nothing but PKCE (RFC 8252)."""
    process = await at.process()
    connection = made_with(process, AUTH, client_secret="")
    state = query(await process.desk.begin(connection, BACK))["state"]

    await process.desk.finish(state, "code", find=finder(process))

    assert at.vendor.forms[0]["client_id"] == "app"
    assert "client_secret" not in at.vendor.forms[0]


@pytest.mark.parametrize(
    ("client", "url"),
    [
        ("shop-1", "https://shop-1.vendor.test/token"),
        ("evil.test/", "https://evil.test%2F.vendor.test/token"),
        ("a@b", "https://a%40b.vendor.test/token"),
    ],
)
async def test_an_address_may_hold_a_setting_that_leads_nowhere_else(
    at: House, client: str, url: str
) -> None:
    """As those of customers with an address of their own."""
    process = await at.process()
    auth = OAuth2(token="https://{client_id}.vendor.test/token")

    await process.desk.token(made_with(process, auth, client_id=client), auth)

    assert process.stage.vendor.asked[0].url == url


async def test_secrets_go_over_tls_only(at: House) -> None:
    """Nothing is sent to an address that is open, other than this machine's."""
    process = await at.process()
    auth = replace(AUTH, token="http://vendor.test/token")
    connection = made_with(process, auth)
    await process.desk.store(connection, granted(expires_in=1))
    at.clock.time_s += 2

    with pytest.raises(EgressError, match=r"http://vendor\.test would get secrets in clear"):
        await process.desk.token(connection, auth)

    assert process.stage.vendor.asked == []


@pytest.mark.parametrize("told", [{}, {"access_token": None}, {"access_token": 7}])
async def test_an_answer_without_a_token_is_not_stored(at: House, told: dict[str, object]) -> None:
    """Whoever brings it."""
    process = await at.process()

    with pytest.raises(SchemaDriftError, match="the answer has no token"):
        await process.desk.store(process.connection(), told)

    assert await process.desk.state(process.stage.registry.get("main", "acme")) is None  # type: ignore[arg-type]


async def test_what_an_odd_answer_says_is_cut_short(at: House) -> None:
    """A page of HTML or a very long text spoils no log."""
    process = await at.process()
    connection = process.connection()
    await process.desk.store(connection, granted(expires_in=1))
    at.clock.time_s += 2
    at.vendor.faults = [answer({"error": "x" * 5000, "error_description": "y" * 5000}, 400)]

    with pytest.raises(AuthExpiredError) as told:
        await process.desk.token(connection, connection.auth)

    assert len(str(told.value)) < 700


@pytest.mark.slow
async def test_a_wrong_secret_is_told_by_the_real_server(tmp_path: Path, vendor: Server) -> None:
    """And what was sent is not in it."""
    async with here(tmp_path, vendor) as made:
        grant = vendor.control(grant=True)["answer"]
        await made.desk.store(made.connection, {**grant, "expires_in": 0.000001})
        made.connection.settings = made.connection.settings.model_copy(
            update={"client_secret": "not-the-secret"}
        )

        with pytest.raises(AuthExpiredError, match="invalid_client") as told:
            await made.connection.me()

    shown = str(told.value)
    assert not any(each in shown for each in ("not-the-secret", CLIENT[1], grant["refresh_token"]))
