"""What GraphQL does, over a real daemon."""

from typing import Any

import pytest

from intertie.api.graphql import PATH
from tests.api.test_rest import ended
from tests.harness import Bench

pytestmark = pytest.mark.slow


def done(bench: Bench, query: str) -> Any:
    """The whole answer, with the key."""
    with bench.api() as api:
        return api.post(PATH, json={"query": query}, timeout=60).json()


def test_services_are_stopped_started_and_scaled(guarded: Bench) -> None:
    """Each is a change that is followed by its id."""
    titles = []
    for query in (
        'mutation{it: stop(services:["echo"]){id title status}}',
        'mutation{it: start(services:["echo"], alone: true){id title status}}',
        'mutation{it: scale(service:"echo", replicas: 2){id title status}}',
        "mutation{it: apply{id title status}}",
        'mutation{it: restart(services:["echo"]){id title status}}',
    ):
        change = done(guarded, query)["data"]["it"]
        titles.append(change["title"])
        with guarded.api() as api:
            assert ended(api, change["id"])["status"] == "done"

    assert titles == ["stop echo", "start echo", "scale echo", "apply", "restart echo"]


def test_a_token_is_minted(guarded: Bench) -> None:
    """As REST answers it."""
    query = 'mutation{mintToken(subject:"ann", roles:["admin"], ttlSeconds: 60){%s}}'
    found = done(guarded, query % "accessToken tokenType expiresIn")["data"]["mintToken"]

    assert found["accessToken"].count(".") == 2
    assert (found["tokenType"], found["expiresIn"]) == ("Bearer", 60)


@pytest.mark.parametrize(
    "query",
    [
        "mutation{stop(services:[]){id}}",
        'mutation{scale(service:"echo", replicas: 0){id}}',
        'mutation{scale(service:"echo", replicas: 257){id}}',
        'mutation{mintToken(subject:""){expiresIn}}',
        'mutation{mintToken(subject:"a", ttlSeconds: -1){expiresIn}}',
        'mutation{publish(topic:"a", data: 7){id}}',
        'mutation{publish(topic:"a", data: {}){id}}',
        'mutation{abort(change:"nope"){id}}',
    ],
)
def test_what_cannot_be_done_is_told_in_our_words(guarded: Bench, query: str) -> None:
    """None is a fault of ours."""
    (error,) = done(guarded, query)["errors"]

    assert error["message"].startswith("cannot ")
    assert error["extensions"]["code"] in {"BAD_REQUEST", "NOT_FOUND"}
