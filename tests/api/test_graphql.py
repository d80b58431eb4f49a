"""The GraphQL route without its library."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
sys.modules["strawberry"] = None
from starlette.testclient import TestClient
from intertie.api.rest import create_app
client = TestClient(create_app(None))
answer = client.post("/api/graphql", json={"query": "{__typename}"})
print(answer.status_code, answer.headers["content-type"], answer.json()["detail"])
"""


@pytest.mark.slow
def test_without_its_library_it_says_what_to_install() -> None:
    """501 as a problem document; the rest of the API goes on."""
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert told.stdout.startswith("501 application/problem+json cannot answer GraphQL")
    assert told.stdout.strip().endswith("install intertie[graphql]")
