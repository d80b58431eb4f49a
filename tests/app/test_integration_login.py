"""Logging a connection in at its vendor, from the command to the page, with a kind of one's own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.harness import Bench
from tests.harness import bench as open_bench
from tests.integrations.oauth_server import CLIENT, Server, server

pytestmark = pytest.mark.slow
CONNECTOR = '''
from pydantic import SecretStr

from intertie.integrations import rest
from intertie.integrations.credentials import OAuth2
from intertie.integrations.data import Probe
from intertie.integrations.operation import Answer, Nothing, get


class Settings(rest.Settings):
    client_id: str
    client_secret: SecretStr
    scope: str = "me"


class Me(Answer):
    id: str


class OwnIntegration(rest.RestIntegration):
    """A vendor of our own."""

    kind = "own"
    docs = "https://example.com"
    base = "URL"
    settings_type = Settings
    ways = (OAuth2(token="URL/token", authorize="URL/authorize"),)
    probe = Probe("me")
    me = get("/me", Nothing, Me)
'''
SUITE = """
suite: loggedin
api: {port: auto}
services: {web: {command: sleep 1000}}
tenants: {acme: {}}
integrations:
  own:
    kind: own
    tenants: [acme, default]
    config: {client_id: NAME, client_secret: "${secret:own}"}
"""


@dataclass
class Site:
    """A running suite, and the vendor."""

    bench: Bench
    vendor: Server
    environment: dict[str, str]

    def check(self, tenant: str) -> int:
        """The exit code."""
        return self.bench("integrations", "check", "own", "--tenant", tenant).code

    def connect(self, name: str) -> tuple[httpx.Response, str]:
        """What a person's browser shows in the end, and what the command says."""
        command = [sys.executable, "-m", "intertie", "integrations", "connect", name]
        with subprocess.Popen(
            [*command, "--no-browser", "--wait", "60"],
            cwd=self.bench.folder,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            page = process.stdout.readline().partition("say yes here: ")[2].strip()
            shown = httpx.get(self.vendor.consent(page), trust_env=False, timeout=60)
            told = process.stdout.read()
        return shown, told


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Whose kind comes by an entry point, as another package would bring it."""
    folder = tmp_path_factory.mktemp("login")
    packages = folder / "packages"
    with server() as vendor, open_bench(folder) as made:
        info = packages / "own_kind-1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-kind\nVersion: 1\n")
        points = "[intertie.integrations]\nown = own_kind:OwnIntegration\n"
        (info / "entry_points.txt").write_text(points)
        (packages / "own_kind.py").write_text(CONNECTOR.replace("URL", vendor.url))
        made.write(SUITE.replace("NAME", CLIENT[0]))
        environment = {
            "PYTHONPATH": os.pathsep.join([str(packages), os.environ.get("PYTHONPATH", "")]),
            "INTERTIE_SECRET_OWN": CLIENT[1],
        }
        started = made("up", "--detach", env=environment)
        assert started.code == 0, started.err
        yield Site(made, vendor, environment)


def test_a_person_says_yes_once_for_one_tenant(site: Site) -> None:
    """Before, the check says what to do; afterwards it works, for this tenant alone."""
    site.bench.ok("integrations", "disconnect", "acme/own")
    before = site.bench("integrations", "check", "own", "--tenant", "acme")
    shown, told = site.connect("acme/own")
    granted = site.bench.ok("integrations", "list", "--json").json()

    assert before.code == 1
    assert "intertie integrations connect acme/own" in before.out
    assert shown.status_code == 200
    assert "acme/own is connected" in shown.text
    assert "acme/own is connected" in told
    assert (site.check("acme"), site.check("default")) == (0, 1)
    assert {each["tenant"]: each["status"] for each in granted}["acme"] == "healthy"


def test_an_address_is_good_once(site: Site) -> None:
    """A state that was used, or that nobody began, connects nothing."""
    with site.bench.api() as api:
        begun = api.post("/api/integrations/own/connect", json={"tenant": "acme"}).json()
        back = site.vendor.consent(begun["url"])
        codes = [httpx.get(back, trust_env=False, timeout=60).status_code for _ in range(2)]
        made_up = api.get("/integrations/callback", params={"state": "x" * 43, "code": "y"})
        refused = api.get("/integrations/callback", params={"error": "<b>access_denied</b>"})
        nobody = httpx.post(f"{api.base_url}/api/integrations/own/connect", json={})

    assert codes == [200, 400]
    assert made_up.status_code == 400
    assert refused.status_code == 400
    assert "&lt;b&gt;access_denied" in refused.text
    assert nobody.status_code in {401, 403}


def test_a_grant_outlives_the_suite_and_is_given_back(site: Site) -> None:
    """Sealed meanwhile: no token stands in a file; after `disconnect` there is none."""
    site.connect("acme/own")
    site.bench.ok("down")
    folder = site.bench.state / "integrations"
    kept = b"".join(each.read_bytes() for each in folder.iterdir() if each.is_file())
    started = site.bench("up", "--detach", env=site.environment)
    again = site.check("acme")
    gone = site.bench.ok("integrations", "disconnect", "acme/own").out
    after = site.check("acme")

    assert started.code == 0
    assert b"access-" not in kept
    assert b"refresh-" not in kept
    assert (again, after) == (0, 1)
    assert gone.startswith("acme/own is not connected any more")


def test_keys_are_made_anew_and_grants_stay(site: Site) -> None:
    """All that is sealed is sealed with the new ones, also after a restart."""
    site.connect("acme/own")
    with site.bench.api(key=False) as api:
        nobody = api.post("/api/integrations/rotate-keys")
    master = next(site.bench.state.rglob("master*"))
    before = master.read_bytes()

    told = site.bench.ok("integrations", "rotate-keys", "--json").json()
    checked = site.check("acme")
    site.bench.ok("down")
    started = site.bench("up", "--detach", env=site.environment)

    assert nobody.status_code in {401, 403}
    assert told["count"] > 0
    assert master.read_bytes() != before
    assert started.code == 0
    assert (checked, site.check("acme")) == (0, 0)
