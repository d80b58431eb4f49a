"""GraphQL over HTTP, over a real daemon."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from intertie.api.graphql import PATH
from tests.harness import Bench
from tests.npm_peer import NODE, installed

pytestmark = pytest.mark.slow
NEW = "application/graphql-response+json"
CALM = {"x-requested-with": "test"}


@pytest.fixture
def api(running: Bench) -> Iterator[httpx.Client]:
    """A client with the key."""
    with running.api() as client:
        yield client


def ask(api: httpx.Client, query: str, **variables: Any) -> Any:
    """The whole answer."""
    body = {"query": query, "variables": variables}
    return api.post(PATH, json=body, timeout=60).json()


@pytest.mark.timeout(700)
def test_every_audit_of_the_specification_passes(running: Bench) -> None:
    """Those that MUST and SHOULD, and those that MAY, by the reference implementation's own."""
    folder = installed(Path(__file__).parent / "graphql_audits")
    told = subprocess.run(
        [NODE, "check.mjs", running.daemon()["api_url"] + PATH],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=120,
    )
    audits = json.loads(told.stdout)

    assert len(audits) > 60
    assert [each for each in audits if each["status"] != "ok"] == []


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("text/plain", 415),
        ("text/plain; application/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/json; charset=utf-16", 415),
        ("", 415),
    ],
)
def test_only_json_is_taken(api: httpx.Client, content_type: str, status: int) -> None:
    """A page of another site can send the other types without being asked first (CSRF)."""
    headers = {"content-type": content_type} if content_type else {}
    answer = api.post(PATH, content='{"query": "{__typename}"}', headers=headers)

    assert answer.status_code == status
    assert ("data" in answer.json()) is (status == 200)


def test_a_query_by_get_needs_a_header_that_other_sites_cannot_send(api: httpx.Client) -> None:
    """And a change is never made by GET."""
    query = {"query": "{health{status}}"}
    change = {"query": 'mutation{stop(services:["echo"]){id}}'}

    bare = api.get(PATH, params=query)
    calm = api.get(PATH, params=query, headers=CALM)
    refused = api.get(PATH, params=change, headers=CALM)

    assert bare.status_code == 400
    assert calm.json()["data"]["health"]["status"] == "UP"
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[]", 400),
        (b'[{"query": "{__typename}"}, {"query": "{__typename}"}]', 400),
        (b"{}", 400),
        (b'{"query": ""}', 400),
        (b'{"query": 1}', 400),
        (b'{"query": "{__typename}", "variables": []}', 400),
        (b"no json", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b'{"query": "' + b"x" * (256 << 10) + b'"}', 413),
        (b'{"query": "subscription{events{id}}"}', 400),
    ],
)
def test_what_is_no_single_operation_is_refused(
    api: httpx.Client, body: bytes, status: int
) -> None:
    """Several in one request, too large ones, and what is no request at all."""
    answer = api.post(PATH, content=body, headers={"content-type": "application/json"})

    assert answer.status_code == status
    assert answer.json()["errors"][0]["message"].startswith("cannot ")
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (NEW, NEW),
        (f"{NEW}, application/json;q=0.9", NEW),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "application/json"),
    ],
)
def test_the_answer_has_the_type_that_was_asked_for(
    api: httpx.Client, accept: str, media_type: str
) -> None:
    """What cannot be given is told with 406."""
    answer = api.post(PATH, json={"query": "{__typename}"}, headers={"accept": accept})

    assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert answer.status_code == (406 if accept == "text/html" else 200)


def test_what_goes_wrong_is_told_in_our_words_with_a_code(api: httpx.Client) -> None:
    """The part that went well is there too; nothing of the program is shown."""
    answer = ask(api, "{health{status} a: services(page: 0){total}}")
    unknown = ask(api, '{service(name: "eco"){name}}')

    assert answer["data"] is None
    assert answer["errors"][0]["message"] == "cannot use page: 0: it must be from 1 to 1000000"
    assert unknown["errors"][0]["message"] == "cannot find service 'eco'; did you mean 'echo'?"
    assert unknown["errors"][0]["extensions"] == {"code": "NOT_FOUND"}
    assert unknown["errors"][0]["path"] == ["service"]


def test_a_faulty_suite_file_is_told_with_each_fault(bench: Bench) -> None:
    """As REST tells it."""
    text = "suite: x\napi: {port: auto}\nservices:\n  a: {command: sleep 1000}\n"
    bench.write(text)
    bench.ok("up", "--detach")
    bench.write(text.replace("command", "comand"))  # codespell:ignore

    with bench.api() as api:
        (error,) = ask(api, "mutation{apply{id}}")["errors"]

    assert error["extensions"]["code"] == "UNPROCESSABLE_ENTITY"
    places = [fault["place"] for fault in error["extensions"]["faults"]]
    assert any(place.endswith("suite.yaml:4:7") for place in places)


def test_reads_and_writes_have_the_rules_of_the_rest_api(running: Bench, guarded: Bench) -> None:
    """On the loopback interface reads are open; beyond it even the schema needs the key."""
    with running.api(key=False) as api:
        read = ask(api, "{health{status}}")
        write = ask(api, 'mutation{stop(services:["echo"]){id}}')
    with guarded.api(key=False) as api:
        shut = api.post(PATH, json={"query": "{__schema{types{name}}}"}, timeout=60)
    with guarded.api() as api:
        opened = ask(api, "{__schema{queryType{name}}}")

    assert read["data"]["health"]["status"] == "UP"
    assert write["errors"][0]["extensions"]["code"] == "UNAUTHORIZED"
    assert shut.status_code == 401
    assert shut.headers["content-type"] == "application/problem+json"
    assert opened["data"]["__schema"]["queryType"]["name"] == "Query"


def test_another_host_name_is_refused(api: httpx.Client) -> None:
    """A web page whose name was made to point here gets nothing (DNS rebinding)."""
    answer = api.post(PATH, json={"query": "{__typename}"}, headers={"host": "evil.example"})

    assert answer.status_code == 400
