"""Commands that give access."""

import os
import subprocess
import sys

import httpx
import pytest

from tests.harness import Bench


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
    asked = {"_INTERTIE_COMPLETE": "bash_complete", "COMP_WORDS": "intertie re", "COMP_CWORD": "1"}
    answer = subprocess.run(
        program, capture_output=True, text=True, check=False, env={**os.environ, **asked}
    ).stdout

    assert "_INTERTIE_COMPLETE" in script
    assert answer.split() == ["plain,restart"]
