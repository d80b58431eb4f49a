"""Everything before the services together: gateway, door, cache and sidecars of running suites."""

import stat
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.shop import ORIGIN, SUITE, TESTER, Shop, told, until, with_people
from tests.harness import Bench
from tests.harness import bench as open_bench

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
KNOWN = ["key", "token", "login"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A suite with identities, a cache, limits and CORS."""
    with open_bench(tmp_path_factory.mktemp("shop")) as made:
        yield Shop.up(made)


class Load:
    """One request after the other, and what came back."""

    def __init__(self, ask: Callable[[httpx.Client], httpx.Response]) -> None:
        self.answers: Counter[str] = Counter()
        self._ask = ask
        self._stop = threading.Event()

    def _run(self) -> None:
        with httpx.Client(trust_env=False, timeout=60) as client:
            while not self._stop.is_set():
                try:
                    answer = self._ask(client)
                    self.answers[str(answer.status_code)] += 1
                except httpx.HTTPError as exc:
                    self.answers[type(exc).__name__] += 1

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """For as long as the block runs."""
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()


@pytest.mark.parametrize("who", KNOWN)
def test_who_shows_what_is_good_gets_in(shop: Shop, who: str) -> None:
    """And the service is told who that is, and nothing that opens a door."""
    answer = shop.get("/api/who", who)

    assert answer.status_code == 200
    headers = told(answer)["headers"]
    assert headers["x-client-id"].partition(":")[0] == ("key" if who == "key" else "user")
    assert not {"x-api-key", "authorization", "cookie"} & headers.keys()


@pytest.mark.parametrize(
    ("sent", "rule"),
    [
        ({}, "Jwt is missing"),
        ({"x-api-key": "itk_wrong"}, "cannot use this key"),
        ({"authorization": "Bearer a.b.c"}, "Jwt"),
        ({"cookie": "__Host-intertie=wrong"}, "the cookie of a login"),
    ],
    ids=["nothing", "key", "token", "login"],
)
def test_who_shows_what_is_wrong_is_told_why(shop: Shop, sent: dict[str, str], rule: str) -> None:
    """401, as a problem document that says which rule refused."""
    answer = shop.get("/api/x", **sent)

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert rule in told(answer)["detail"]


def test_a_role_is_needed_where_the_route_says_so(shop: Shop) -> None:
    """403 for a key without it and for a token without any; 200 for the user who has it."""
    answers = {who: shop.get("/admin/x", who) for who in KNOWN}

    assert {who: each.status_code for who, each in answers.items()} == {
        "key": 403,
        "token": 403,
        "login": 200,
    }
    assert told(answers["key"])["code"] == "role_missing"
    assert told(answers["token"])["status"] == 403


def test_identity_headers_of_clients_are_not_believed(shop: Shop) -> None:
    """What the gateway says of a request comes from nobody else."""
    forged = {"x-client-id": "user:root", "x-roles": ",admin,", "x-tenant-id": "acme"}

    answer = shop.get("/open/forged", **forged, **{"cache-control": "no-store"})
    refused = shop.get("/admin/forged", "key", **forged)

    assert not forged.keys() & told(answer)["headers"].keys()
    assert refused.status_code == 403


def test_what_one_was_told_nobody_else_is(shop: Shop) -> None:
    """Each identity has kept answers of its own, though the service speaks of none of it."""
    first = {who: shop.get("/api/mine", who) for who in (*KNOWN, "other key")}
    second = {who: shop.get("/api/mine", who) for who in first}

    seen = {who: told(each)["headers"]["x-client-id"] for who, each in second.items()}
    assert len(set(seen.values())) == len(seen)
    for who, answer in second.items():
        assert "hit" in answer.headers["cache-status"]
        assert told(answer) == told(first[who])


def test_a_page_of_an_allowed_origin_may_ask(shop: Shop) -> None:
    """The browser's question needs no key; another origin gets no leave."""
    asked = {"access-control-request-method": "GET", "access-control-request-headers": "x-api-key"}
    allowed = httpx.options(f"{shop.url}/api/x", headers={"origin": ORIGIN, **asked})
    other = httpx.options(f"{shop.url}/api/x", headers={"origin": "https://evil.test", **asked})
    answer = shop.get("/api/cors", "key", origin=ORIGIN)

    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-origin" not in other.headers
    assert answer.headers["access-control-allow-origin"] == ORIGIN


def test_each_client_has_its_own_limit(shop: Shop) -> None:
    """The fourth request of three an hour is refused, and of another client taken."""
    answers = [shop.get(f"/few/{number}", "key") for number in range(4)]
    other = shop.get("/few/x", "other key")

    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert int(answers[3].headers["retry-after"]) > 0
    assert other.status_code == 200


def test_a_key_is_known_when_made_and_unknown_when_ended(shop: Shop) -> None:
    """In a moment, without a change of the suite."""
    made = with_people(shop.bench, lambda ids: ids.keys.create(TESTER, "new", roles=("user",)))
    shop.shown["new key"] = {"x-api-key": made.text}
    until(lambda: shop.get("/api/new", "new key").status_code == 200)

    with_people(shop.bench, lambda ids: ids.keys.revoke(TESTER, made.key.id))

    until(lambda: shop.get("/api/new", "new key").status_code == 401)


def test_a_killed_door_comes_back(shop: Shop) -> None:
    """Keys and logins work again by themselves; tokens and open routes never stop working."""
    door = shop.pid("gateway.identity")

    def ask(client: httpx.Client) -> httpx.Response:
        return client.get(f"{shop.url}/api/token", headers=shop.shown["token"])

    with Load(ask).running() as load:
        psutil.Process(door).kill()
        until(lambda: shop.get("/api/key", "key").status_code == 200)
        until(lambda: shop.get("/api/key", "login").status_code == 200)

    assert shop.pid("gateway.identity") != door
    assert set(load.answers) == {"200"}


def test_a_killed_cache_comes_back(shop: Shop) -> None:
    """Nobody notices but for answers that are fetched anew."""
    cache = shop.pid("gateway.cache")

    def ask(client: httpx.Client) -> httpx.Response:
        return client.get(f"{shop.url}/open/cached")

    with Load(ask).running() as load:
        psutil.Process(cache).kill()
        until(lambda: shop.bench.service("gateway.cache")["status"] == "UP")
        until(lambda: "hit" in shop.get("/open/cached").headers.get("cache-status", ""))

    assert shop.pid("gateway.cache") != cache
    assert set(load.answers) == {"200"}


def test_a_killed_daemon_is_not_missed(shop: Shop) -> None:
    """Gateway, door and cache go on, and the next `up` takes them over as they are."""
    names = ("gateway", "gateway.identity", "gateway.cache", "web")
    before = {name: shop.pid(name) for name in names}
    shop.get("/api/kept", "key")

    psutil.Process(shop.bench.daemon()["pid"]).kill()
    alone = {who: shop.get("/api/alone", who).status_code for who in KNOWN}
    kept = shop.get("/api/kept", "key")
    login = shop.log_in("ada")
    shop.bench.ok("up", "--detach")

    assert alone == dict.fromkeys(KNOWN, 200)
    assert "hit" in kept.headers["cache-status"]
    assert login
    assert {name: shop.pid(name) for name in names} == before
    assert {shop.get("/api/after", who).status_code for who in KNOWN} == {200}


def test_a_new_route_lets_in_from_its_first_moment(shop: Shop) -> None:
    """It is not there, and then it takes the key: at no time it says that a good one is not."""
    new = "    - {path: /%s, service: web, strip: true}\nservices:"
    for number in range(3):
        name = f"new{number}"

        def ask(client: httpx.Client, path: str = name) -> httpx.Response:
            return client.get(f"{shop.url}/{path}/x", headers=shop.shown["key"])

        with Load(ask).running() as load:
            until(lambda load=load: load.answers["404"] > 0)  # type: ignore[misc]
            shop.bench.write(SUITE.replace("services:", new % name))
            shop.bench.ok("apply")
            until(lambda load=load: load.answers["200"] > 20)  # type: ignore[misc]
            shop.bench.write(SUITE)
            shop.bench.ok("apply")

        assert set(load.answers) == {"200", "404"}


def test_what_a_route_asks_for_holds_once_apply_is_back(shop: Shop) -> None:
    """A role that was added is needed from the first request after."""
    closed = SUITE.replace("{path: /api, ", "{path: /api, roles: [admin], ")

    shop.bench.write(closed)
    shop.bench.ok("apply")
    after = shop.get("/api/role", "key").status_code
    shop.bench.write(SUITE)
    shop.bench.ok("apply")

    assert after == 403
    assert shop.get("/api/role", "key").status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [("own", 200), ("https://evil.example", 403), ("null", 403), ("", 403)],
)
def test_a_page_of_others_cannot_use_a_login(shop: Shop, origin: str, status: int) -> None:
    """What changes something needs an origin of our own beside the cookie; a key needs none."""
    sent = {"origin": shop.url if origin == "own" else origin} if origin else {}

    def post(who: str) -> int:
        shown = {**shop.shown[who], **sent}
        return httpx.post(
            f"{shop.url}/api/x", headers=shown, trust_env=False, timeout=60
        ).status_code

    assert (post("login"), post("key")) == (status, 200)


def test_the_cache_is_managed_by_the_command_line(shop: Shop) -> None:
    """What is kept is explained, counted and forgotten, and who did that is known."""
    path = "/open/managed?control=max-age%3D600"
    url = f"{shop.url}{path}"
    shop.get(path)
    hits = shop.bench.ok("cache", "stats", "--json").json()["hits"]
    shop.get(path)

    kept = shop.bench.ok("cache", "why", url, "--json").json()
    counted = shop.bench.ok("cache", "stats", "--json").json()["hits"]
    purged = shop.bench.ok("cache", "purge", path, "--json").json()
    gone = shop.bench.ok("cache", "why", url).out

    assert (kept["verdict"], kept["clause"], kept["route"]) == ("hit", "RFC 9111 §4.2", "/open")
    assert [each["lifetime_from"] for each in kept["variants"]] == ["Cache-Control"]
    assert counted == hits + 1
    assert purged == {"answers": 1}
    assert gone.startswith("miss: nothing that this request selects is kept (RFC 9111 §4)")
    events = shop.bench.ok("events", "--json").out
    assert '"suite.cache_purged"' in events


def test_two_suites_of_one_file_share_nothing(shop: Shop, tmp_path: Path) -> None:
    """A key, a token and a login of one are nothing in the other; nor is what is kept."""
    with open_bench(tmp_path) as bench:
        other = Shop.up(bench)
        own = {who: other.get("/api/own", who).status_code for who in KNOWN}
        foreign = {
            who: httpx.get(
                f"{other.url}/api/x", headers=shop.shown[who], trust_env=False, timeout=60
            ).status_code
            for who in KNOWN
        }
        shop.get("/open/shared?control=max-age%3D600")
        first = other.get("/open/shared?control=max-age%3D600")

    assert own == dict.fromkeys(KNOWN, 200)
    assert foreign == dict.fromkeys(KNOWN, 401)
    assert "hit" not in first.headers["cache-status"]
    assert {shop.get("/api/still", who).status_code for who in KNOWN} == {200}


def test_down_leaves_nothing(bench: Bench) -> None:
    """No process, socket or port of gateway, door and cache; secrets stay, for their owner only."""
    made = Shop.up(bench)
    port = int(made.url.rpartition(":")[2])

    bench.ok("down")

    assert not bench.processes()
    assert not [each for each in bench.state.rglob("*") if each.is_socket()]
    listening = [each for each in psutil.net_connections() if each.status == psutil.CONN_LISTEN]
    assert not [each for each in listening if each.laddr and each.laddr[1] == port]
    for secret in (made.state.identity, made.state.keys, *made.state.keys.iterdir()):
        assert not stat.S_IMODE(secret.stat().st_mode) & 0o077, secret
