"""Commands that give access."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.harness import Bench
from tests.identity.manor import open_manor


@pytest.mark.slow
def test_a_token_opens_the_protected_route(running: Bench) -> None:
    """Without it the gateway answers 401."""
    token = running.ok("token", "--subject", "ann", "--ttl", "5m").out.strip()
    url = running.ok("url", "gateway").out.strip() + "/web/"

    closed = httpx.get(url, trust_env=False)
    opened = httpx.get(url, headers={"authorization": f"Bearer {token}"}, trust_env=False)

    assert closed.status_code == 401
    assert opened.status_code == 200


@pytest.mark.slow
def test_a_token_as_json_says_how_long_it_lasts(running: Bench) -> None:
    """The default is the suite file's."""
    answer = running.ok("token", "--json").json()

    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 3600
    assert running("token", "--ttl", "soon").code == 1


@pytest.mark.slow
def test_url_finds_parts_and_services(running: Bench) -> None:
    """A service without a port has no address."""
    port = running.service("web")["replicas"][0]["port"]

    assert running.ok("url", "web").out.strip() == f"http://127.0.0.1:{port}"
    assert running.ok("url", "api").out.strip() == running.daemon()["api_url"]
    assert "it has no port" in running("url", "echo").err


def test_completion_completes_commands_and_options() -> None:
    """The script is printed, and what it calls answers."""
    program = [sys.executable, "-m", "intertie"]
    script = subprocess.run(
        [*program, "completion", "bash"], capture_output=True, text=True, check=True
    ).stdout
    asked = {
        "_INTERTIE_COMPLETE": "bash_complete",
        "COMP_WORDS": "intertie rest",
        "COMP_CWORD": "1",
    }
    answer = subprocess.run(
        program, capture_output=True, text=True, check=False, env={**os.environ, **asked}
    ).stdout

    assert "_INTERTIE_COMPLETE" in script
    assert answer.split() == ["plain,restart", "plain,restore"]


@pytest.mark.slow
@pytest.mark.anyio
async def test_a_token_for_a_user_has_its_roles(tmp_path: Path) -> None:
    """Made by its login, and ended by itself."""
    async with open_manor(tmp_path) as manor:
        await manor.add("dee", tenant="acme", groups=("admins",))
        made = await manor.ok("token", "--user", "dee", "--tenant", "acme")
        mixed = await manor.run("token", "--user", "dee", "--role", "clerk")
        async with manor.api(made.out.strip()) as api:
            before = (await api.get("/api/users")).json()["items"]
            revoked = await manor.ok("token", "--revoke", "-", typed=made.out)
            after = (await api.get("/api/users")).status_code

    assert [each["login"] for each in before] == ["dee"]
    assert revoked.out.startswith("revoked ")
    assert after == 401
    assert mixed.code == 2


@pytest.mark.slow
@pytest.mark.anyio
async def test_after_a_leak_all_tokens_end(tmp_path: Path) -> None:
    """Those made before; the next is good."""
    async with open_manor(tmp_path) as manor:
        await manor.add("ann", groups=("admins",))
        codes: list[int] = []
        old = (await manor.ok("token", "--user", "ann")).out.strip()
        replaced = await manor.ok("token", "--replace-keys")
        new = (await manor.ok("token", "--user", "ann")).out.strip()
        for text in (old, new):
            async with manor.api(text) as api:
                codes.append((await api.get("/api/users")).status_code)
        mixed = await manor.run("token", "--replace-keys", "--revoke", "x")
        rows = (await manor.ok("audit", "list", "--json")).out

    assert replaced.out.startswith("signs with ")
    assert codes == [401, 200]
    assert mixed.code == 2
    assert "token.replace-keys" in rows
