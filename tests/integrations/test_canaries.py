"""Before a description judges us, it must show that it judges."""

from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
from anyio import CancelScope

from tests.integrations.vendor import (
    KINDS,
    UNTESTABLE,
    Request,
    Vendor,
    canaries,
    good,
    started,
    vendor,
    violations,
)
from tools.specs.__main__ import SPECS
from tools.specs.kinds import KINDS as ENTRIES
from tools.specs.render import render
from tools.specs.sources import SourceMissingError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=KINDS)
def judge(request: pytest.FixtureRequest) -> Iterator[Vendor]:
    """One after the other: each takes a program of 150 MB."""
    with started(request.param) as running:
        yield running


@pytest.fixture(scope="module")
def client(judge: Vendor) -> Iterator[httpx.Client]:
    """Joins paths to the judge's address."""
    # The judge closes what is idle for 5 s, it may be just when the next request is sent.
    limits = httpx.Limits(keepalive_expiry=1)
    with httpx.Client(base_url=judge.url, timeout=60, limits=limits) as opened:
        yield opened


def sent(client: httpx.Client, request: Request) -> httpx.Response:
    """The judge's answer."""
    return client.request(
        request.method, request.target, headers=dict(request.headers), content=request.body
    )


def test_faults_are_refused(judge: Vendor, client: httpx.Client) -> None:
    """Each canary, at least one for each operation."""
    passed = [one.name for one in canaries(judge.kind) if not one.refused(sent(client, one))]

    assert passed == []


def test_good_requests_are_taken(judge: Vendor, client: httpx.Client) -> None:
    """So that what is refused is refused for its fault."""
    for request in good(judge.kind):
        answer = sent(client, request)

        assert answer.is_success, f"{request.name}: {answer.text}"
        assert violations(answer.headers) == []


def test_a_missing_login_is_no_verdict(judge: Vendor, client: httpx.Client) -> None:
    """It says nothing of the request."""
    request = good(judge.kind)[0]
    answer = client.request(request.method, request.target)

    assert answer.status_code == 401
    assert not request.refused(answer)


@pytest.mark.parametrize("kind", KINDS)
def test_each_operation_has_a_canary(kind: str) -> None:
    """Or its reason why not."""
    counted = Counter(one.operation for one in canaries(kind))
    missing = {(kind, one.operation) for one in good(kind) if not counted[one.operation]}

    assert missing == {key for key in UNTESTABLE if key[0] == kind}
    assert {one.operation for one in good(kind)} == set(ENTRIES[kind].operations)


@pytest.mark.parametrize("kind", KINDS)
def test_a_slice_is_what_the_tool_writes(kind: str) -> None:
    """Where its source is at hand."""
    try:
        content = render(ENTRIES[kind])
    except SourceMissingError as exc:
        pytest.skip(str(exc))

    assert (SPECS / f"{kind}.json").read_bytes() == content, f"run `python -m tools.specs {kind}`"


def test_cut_off_verdicts_are_read() -> None:
    """The judge cuts a long header, what is wrong with the request comes first."""
    whole = '{"location":["request","query","q"],"severity":"Error","message":"required"}'
    header = f'Too many violations! [{whole},{{"location":["response"'

    assert violations({"sl-violations": header}) == ["request.query.q: required"]
    assert violations({"sl-violations": '[{"location":["response"],"message":"m"}]'}) == []
    assert violations({}) == []


@pytest.mark.anyio
async def test_the_judge_is_gone_afterwards() -> None:
    """Also when its user was cancelled."""
    with CancelScope() as scope:
        async with vendor("hubspot") as running, httpx.AsyncClient(timeout=60) as client:
            request = good("hubspot")[0]
            answer = await client.request(
                request.method, running.url + request.target, headers=dict(request.headers)
            )
            assert answer.is_success
            assert running.base == "https://api.hubapi.com"
            scope.cancel()
            await client.get(running.url)

    assert scope.cancelled_caught
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(running.url)
