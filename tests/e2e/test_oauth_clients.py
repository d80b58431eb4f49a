"""Programs that ask the issuer of a running suite for tokens, through its gateway."""

import httpx
import pytest

from tests.e2e.shop import until
from tests.harness import Bench, contents
from tests.test_docs_identity import blocks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
[SUITE] = [each for each in blocks("yaml") if "clients:" in each]
[SCRIPT] = [each for each in blocks("sh") if "client_credentials" in each]


@pytest.fixture
def shop(bench: Bench) -> Bench:
    """As docs/identity.md has it; the script of that page has brought it up."""
    bench.write(SUITE)
    bench.script(SCRIPT)
    return bench


def asks(bench: Bench, secret: str, name: str = "nightly") -> httpx.Response:
    """For a token of its own."""
    url = bench.ok("url", "gateway").out.strip()
    told = {"grant_type": "client_credentials"}
    return httpx.post(
        f"{url}/auth/token", data=told, auth=(name, secret), trust_env=False, timeout=60
    )


def opens(bench: Bench, token: str) -> int:
    """What the route says that needs a clerk."""
    url = bench.ok("url", "gateway").out.strip()
    shown = {"authorization": f"Bearer {token}"}
    return httpx.get(f"{url}/orders/", headers=shown, trust_env=False, timeout=60).status_code


def test_a_program_acts_for_itself(shop: Bench) -> None:
    """With the role it is declared with, and only while it is declared."""
    secret = (shop.folder / ".intertie/secrets/nightly").read_text().strip()
    good, wrong = asks(shop, secret), asks(shop, "x" * 64)
    opened = opens(shop, good.json()["access_token"])

    shop.write(SUITE.replace("roles: [clerk]}\n    pages", "roles: [guest]}\n    pages"))
    shop.ok("apply")
    until(lambda: asks(shop, secret).status_code == 200)
    shut = opens(shop, asks(shop, secret).json()["access_token"])
    shop.write("\n".join(each for each in SUITE.splitlines() if "nightly" not in each))
    shop.ok("apply")
    until(lambda: asks(shop, secret).status_code == 401)

    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert (opened, shut) == (200, 403)


def test_a_weak_secret_keeps_the_suite_down(bench: Bench) -> None:
    """Said at once, with what to do, and without the secret."""
    bench.write(SUITE)
    refused = bench("up", "--detach", env={"INTERTIE_SECRET_NIGHTLY": "hunter2"})
    missing = bench("up", "--detach")

    assert refused.code == missing.code == 1
    assert "cannot use the secret of client 'nightly': it has 7 characters" in refused.err
    assert "openssl rand -hex 32" in refused.err
    assert "hunter2" not in refused.err + refused.out
    assert "cannot read secret 'nightly': it is not there; set INTERTIE_SECRET_" in missing.err


def test_a_secret_comes_from_the_environment(bench: Bench) -> None:
    """Of whoever runs `up`; it is in no file of the suite."""
    bench.write(SUITE)
    secret = "s3cret-" * 8
    started = bench("up", "--detach", env={"INTERTIE_SECRET_NIGHTLY": secret})

    assert started.code == 0, started.err
    assert asks(bench, secret).status_code == 200
    assert not [file for file, text in contents(bench.state).items() if secret.encode() in text]
