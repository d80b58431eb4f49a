"""Stripe: its own description and its own library judge the calls; the rest is played."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from intertie.integrations.errors import (
    AbsentError,
    AuthExpiredError,
    ClashError,
    IntegrationError,
    InvalidError,
    LoopError,
    ScopeMissingError,
    ThrottledError,
    VendorDownError,
    VendorTimeoutError,
)
from intertie.integrations.external_apis.stripe import NewCustomer, Pay, StripeIntegration
from intertie.integrations.message import Request, Response
from intertie.integrations.transport import AiohttpTransport
from tests.integrations.judged import judged
from tests.integrations.stage import Stage, answer
from tests.integrations.vendor import Vendor, started

pytestmark = pytest.mark.anyio
KEY = "sk_test_not-to-be-shown"
CONFIG = {"api_key": KEY}
ONCE = {"max_attempts": 1}
PAY: dict[str, Any] = {"amount": 1250, "currency": "eur"}
PAID = {
    "id": "pi_1",
    "amount": 1250,
    "currency": "eur",
    "status": "succeeded",
    "livemode": False,
    "client_secret": "pi_1_secret_not-to-be-shown",
}
CALLS: dict[str, dict[str, Any]] = {
    "balance": {},
    "create_payment_intent": {
        **PAY,
        "customer": "cus_1",
        "description": "10 % off & more",
        "automatic_payment_methods": {"enabled": True},
        "capture_method": "manual",
        "confirm": False,
        "metadata": {"order": "7", "größe": "L"},
    },
    "payment_intent": {"intent": "pi_1"},
    "payment_intents": {"customer": "cus_1", "limit": 3, "starting_after": "pi_1"},
    "create_refund": {
        "payment_intent": "pi_1",
        "amount": 100,
        "reason": "requested_by_customer",
        "metadata": {"order": "7"},
    },
    "create_customer": {
        "email": "ada+test@example.com",
        "name": "Ada",
        "preferred_locales": ["de", "en"],
        "metadata": {"plan": "gold"},
    },
    "customers": {"email": "ada+test@example.com", "limit": 3, "starting_after": "cus_1"},
}
OF_SDK: dict[str, tuple[str, str]] = {
    "balance": ("balance", "retrieve"),
    "create_payment_intent": ("payment_intents", "create"),
    "payment_intent": ("payment_intents", "retrieve"),
    "payment_intents": ("payment_intents", "list"),
    "create_refund": ("refunds", "create"),
    "create_customer": ("customers", "create"),
    "customers": ("customers", "list"),
}
"""What Stripe's own library calls them."""


@pytest.fixture(scope="module")
def judge() -> Iterator[Vendor]:
    """Stripe's own description, served."""
    with started("stripe") as vendor:
        yield vendor


def made(stage: Stage, **told: Any) -> StripeIntegration:
    """A connection with a key of a sandbox."""
    return stage.made(StripeIntegration, **{"config": CONFIG, **told})


def fails(status: int, kind: str = "", code: str = "", **headers: str) -> Stage:
    """Stripe refuses everything."""
    stage = Stage()
    error = {"type": kind, "code": code or None, "message": "because"}
    stage.vendor.answers = lambda request: answer(
        {"error": error} if kind else None, status, **headers
    )
    return stage


def turns(*answers: Response | Exception) -> Callable[[Request], Response]:
    """One after the other."""
    left = list(answers)

    def play(request: Request) -> Response:
        told = left.pop(0)
        if isinstance(told, Exception):
            raise told
        return told

    return play


def keys(stage: Stage) -> list[str]:
    """Those that went along."""
    return [each.headers["idempotency-key"] for each in stage.vendor.asked]


def paged(request: Request) -> Response:
    """Three pages of two customers."""
    after = dict(parse_qsl(request.url.partition("?")[2])).get("starting_after", "cus_0")
    first = int(after.removeprefix("cus_")) + 1
    ids = [f"cus_{number}" for number in (first, first + 1)]
    data = [{"id": each, "created": 1, "livemode": False} for each in ids]
    return answer({"object": "list", "data": data, "has_more": first < 5})


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
async def test_the_vendors_description_takes_every_operation(judge: Vendor, name: str) -> None:
    """And what it answers is read as what the operation promises."""
    async with judged(StripeIntegration, judge, CONFIG) as (stripe, watching):
        told = await getattr(stripe, name)(**CALLS[name])

    assert watching.wrong == []
    assert len(watching.asked) == 1
    assert isinstance(told, StripeIntegration.operations[name].answer)


def test_every_operation_is_judged() -> None:
    """None is left out of the calls above, nor of what is compared with Stripe's library."""
    assert set(CALLS) == set(OF_SDK) == set(StripeIntegration.operations)


@pytest.mark.slow
async def test_the_judge_sees_what_a_connector_does_wrong(judge: Vendor) -> None:
    """A payment of no currency is refused: that nothing else is refused means something."""
    known: dict[str, Any] = {"amount": 1}
    async with judged(StripeIntegration, judge, CONFIG) as (stripe, watching):
        with pytest.raises(InvalidError):
            await stripe.create_payment_intent(Pay.model_construct(**known))

    assert any("currency" in each for each in watching.wrong)


Wire = tuple[str, str, list[tuple[str, str]], str, dict[str, str]]
"""Method, path, query, body, and the headers that mean something to Stripe."""
_MEANT = ("authorization", "stripe-version", "content-type", "idempotency-key")


@asynccontextmanager
async def recorder() -> AsyncIterator[tuple[str, list[Wire]]]:
    """A server that keeps what it is asked, and answers with something of every shape."""
    asked: list[Wire] = []

    async def keep(request: web.Request) -> web.Response:
        headers = {name: request.headers[name] for name in _MEANT if name in request.headers}
        query = sorted(parse_qsl(request.query_string, keep_blank_values=True))
        asked.append((request.method, request.path, query, await request.text(), headers))
        return web.json_response(
            {**PAID, "object": "list", "created": 1, "data": [], "has_more": False}
            | {"available": [], "pending": []}
        )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", keep)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}", asked
    finally:
        await runner.cleanup()


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
async def test_stripes_own_library_sends_the_same(name: str) -> None:
    """But for the order of the form, and that it leaves the brackets in it as they are."""
    sdk = pytest.importorskip("stripe")
    writes = StripeIntegration.operations[name].key is not None
    noun, verb = OF_SDK[name]
    told = dict(CALLS[name])
    identity = [told.pop("intent")] if "intent" in told else []
    options = {"idempotency_key": "order-7"} if writes else {}
    stage = Stage()

    async with recorder() as (url, asked):
        http = sdk.AIOHTTPClient()
        client = sdk.StripeClient(
            KEY,
            stripe_version=StripeIntegration.headers["stripe-version"],
            base_addresses={"api": url},
            http_client=http,
        )
        stage.tools.transport = AiohttpTransport()
        ours = made(stage, config={**CONFIG, "base_url": url})
        try:
            await getattr(getattr(client.v1, noun), f"{verb}_async")(
                *identity, params=told, options=options
            )
            await getattr(ours, name)(**CALLS[name], **({"key": "order-7"} if writes else {}))
        finally:
            await stage.registry.aclose()
            await http.close_async()

    theirs, mine = (_normal(each) for each in asked)
    assert mine == theirs


def _normal(wire: Wire) -> tuple[object, ...]:
    method, path, query, body, headers = wire
    kept = {name: value for name, value in headers.items() if body or name != "content-type"}
    return method, path, query, sorted(parse_qsl(body, keep_blank_values=True)), kept


async def test_a_payment_goes_as_a_nested_form() -> None:
    """With the version that was looked at, and a key."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer(PAID)

    paid = await made(stage).create_payment_intent(
        **PAY,
        payment_method_types=["card", "link"],
        automatic_payment_methods={"enabled": True},
        metadata={"order": "7"},
    )

    (asked,) = stage.vendor.asked
    assert (paid.id, paid.status) == ("pi_1", "succeeded")
    assert asked.url == "https://api.stripe.com/v1/payment_intents"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["stripe-version"] == "2022-11-15"
    assert parse_qsl((asked.body or b"").decode()) == [
        ("amount", "1250"),
        ("currency", "eur"),
        ("payment_method_types[0]", "card"),
        ("payment_method_types[1]", "link"),
        ("automatic_payment_methods[enabled]", "true"),
        ("metadata[order]", "7"),
    ]


@pytest.mark.parametrize(
    ("operation", "told"),
    [
        ("create_payment_intent", {"amount": 0, "currency": "eur"}),
        ("create_payment_intent", {"amount": 12.5, "currency": "eur"}),
        ("create_payment_intent", {"amount": 1, "currency": "EUR"}),
        ("create_payment_intent", {**PAY, "amount_": 1}),
        ("create_refund", {}),
        ("create_refund", {"payment_intent": "pi_1", "charge": "ch_1"}),
        ("create_refund", {"payment_intent": "pi_1", "amount": -1}),
        ("create_customer", {"metadata": {"x" * 41: "too long a name"}}),
    ],
)
async def test_what_makes_no_sense_is_not_sent(operation: str, told: dict[str, Any]) -> None:
    """Money least of all."""
    stage = Stage()

    with pytest.raises(InvalidError):
        await getattr(made(stage), operation)(**told)

    assert stage.vendor.asked == []


@pytest.mark.parametrize(
    ("status", "kind", "code", "expected"),
    [
        (401, "invalid_request_error", "", AuthExpiredError),
        (403, "invalid_request_error", "", ScopeMissingError),
        (404, "invalid_request_error", "resource_missing", AbsentError),
        (400, "invalid_request_error", "parameter_unknown", InvalidError),
        (402, "card_error", "card_declined", InvalidError),
        (409, "idempotency_error", "idempotency_key_in_use", ClashError),
        (400, "idempotency_error", "", ClashError),
        (424, "api_error", "", VendorDownError),
        (429, "invalid_request_error", "rate_limit", ThrottledError),
        (500, "api_error", "", VendorDownError),
        (503, "", "", VendorDownError),
    ],
)
async def test_stripes_errors_become_ours(
    status: int, kind: str, code: str, expected: type[IntegrationError]
) -> None:
    """With Stripe's own word, the nearer one where it has two."""
    stage = fails(status, kind, code)

    with pytest.raises(IntegrationError) as told:
        await made(stage, retry_policy=ONCE).create_payment_intent(**PAY)

    assert type(told.value) is expected
    assert told.value.status == status
    assert told.value.code == (code or kind)
    assert ("because" in str(told.value)) is bool(kind)


async def test_pages_begin_after_the_last_of_the_page_before() -> None:
    """Until Stripe has no more."""
    stage = Stage()
    stage.vendor.answers = paged

    found = [each.id async for each in made(stage).customers.every(limit=2)]

    assert found == [f"cus_{number}" for number in range(1, 7)]
    assert [each.url.partition("?")[2] for each in stage.vendor.asked] == [
        "limit=2",
        "limit=2&starting_after=cus_2",
        "limit=2&starting_after=cus_4",
    ]


async def test_pages_that_go_round_are_noticed() -> None:
    """A last thing that came before ends it."""
    stage = Stage()
    data = [{"id": "cus_1", "created": 1, "livemode": False}]
    stage.vendor.answers = lambda request: answer({"data": data, "has_more": True})

    with pytest.raises(LoopError):
        [each async for each in made(stage).customers.every()]

    assert len(stage.vendor.asked) == 2


@pytest.mark.parametrize("name", ["create_payment_intent", "create_refund", "create_customer"])
async def test_what_may_have_been_done_is_tried_again_with_the_same_key(name: str) -> None:
    """Stripe does it once, and answers each time as it did the first."""
    stage = Stage()
    lost = VendorTimeoutError("no answer")
    customer = {"id": "cus_1", "created": 1, "livemode": False}
    stage.vendor.answers = turns(lost, lost, answer({**PAID, **customer}))

    await getattr(made(stage), name)(**CALLS[name])

    assert len(keys(stage)) == 3
    assert len(set(keys(stage))) == 1
    assert len({each.body for each in stage.vendor.asked}) == 1


async def test_each_call_has_a_key_of_its_own() -> None:
    """Two payments of the same amount are two payments."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer(PAID)
    stripe = made(stage)

    await stripe.create_payment_intent(**PAY)
    await stripe.create_payment_intent(**PAY)

    assert len(set(keys(stage))) == 2


async def test_a_key_that_is_given_goes_along_each_time() -> None:
    """It holds also for whoever asks once more after a crash."""
    stage = Stage()
    stage.vendor.answers = turns(VendorTimeoutError("no answer"), answer(PAID))

    await made(stage).create_payment_intent(**PAY, key="order-7")

    assert keys(stage) == ["order-7", "order-7"]


async def test_reading_takes_no_key() -> None:
    """There is nothing to be done twice."""
    stage = Stage()

    with pytest.raises(InvalidError, match="no such way"):
        await made(stage).payment_intent(intent="pi_1", key="order-7")

    assert stage.vendor.asked == []


async def test_stripe_says_that_nothing_is_gained_by_asking_again() -> None:
    """It would answer a key with the same failure as before."""
    stage = fails(500, "api_error", stripe_should_retry="false")

    with pytest.raises(VendorDownError):
        await made(stage).create_payment_intent(**PAY)

    assert len(stage.vendor.asked) == 1


async def test_stripe_says_that_asking_again_helps() -> None:
    """A key in use just now is free a moment later."""
    stage = Stage()
    busy = {"error": {"type": "idempotency_error", "code": "idempotency_key_in_use"}}
    stage.vendor.answers = turns(answer(busy, 409, stripe_should_retry="true"), answer(PAID))

    await made(stage).create_payment_intent(**PAY)

    assert len(keys(stage)) == 2
    assert len(set(keys(stage))) == 1


async def test_a_clash_is_not_tried_again_unless_stripe_says_so() -> None:
    """Asking the same once more is refused for the same reason."""
    stage = fails(400, "idempotency_error")

    with pytest.raises(ClashError):
        await made(stage).create_payment_intent(**PAY)

    assert len(stage.vendor.asked) == 1


@pytest.mark.parametrize("key", ["sk_live_1", "rk_live_1", "sk_org_1", "anything"])
@pytest.mark.parametrize("name", ["create_payment_intent", "create_refund"])
async def test_real_money_is_not_moved_by_accident(key: str, name: str) -> None:
    """A key that is not known to be of a sandbox moves none, and nothing is sent."""
    stage = Stage()
    stripe = made(stage, config={"api_key": key})

    with pytest.raises(InvalidError, match="say `allow_live: true`"):
        await getattr(stripe, name)(**CALLS[name])

    assert stripe.is_live
    assert stage.vendor.asked == []


@pytest.mark.parametrize(
    "config",
    [
        {"api_key": "sk_live_1", "allow_live": True},
        {"api_key": "sk_test_1"},
        {"api_key": "rk_test_1"},
    ],
)
async def test_money_is_moved_where_that_is_meant(config: dict[str, Any]) -> None:
    """Of a sandbox always, else where the connection says so."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer(PAID)

    paid = await made(stage, config=config).create_payment_intent(**PAY)

    assert paid.id == "pi_1"
    assert len(stage.vendor.asked) == 1


async def test_a_live_key_may_look() -> None:
    """And note customers: only money waits for `allow_live`."""
    stage = Stage()
    customer = {"id": "cus_1", "created": 1, "livemode": True}
    stage.vendor.answers = lambda request: answer(customer)

    told = await made(stage, config={"api_key": "sk_live_1"}).create_customer(
        NewCustomer(name="Ada")
    )

    assert told.livemode


async def test_the_key_is_shown_nowhere() -> None:
    """Not by the connection, its settings, its requests or its errors."""
    stage = Stage()
    error = {"type": "invalid_request_error", "message": f"Invalid API Key provided: {KEY}"}
    stage.vendor.answers = lambda request: answer({"error": error}, 401)
    stripe = made(stage)

    with pytest.raises(AuthExpiredError, match=r"provided: \*\*\*") as told:
        await stripe.create_payment_intent(**PAY)

    shown = [stripe, stripe.settings, stripe.config, told.value, *stage.vendor.asked]
    assert all(KEY not in f"{each!r} {each}" for each in shown)


async def test_what_finishes_a_payment_is_not_shown_either() -> None:
    """Whoever has it can pay, or look; it is there for those who ask for it."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer(PAID)

    paid = await made(stage).payment_intent(intent="pi_1")

    assert "not-to-be-shown" not in f"{paid!r} {paid}"
    assert paid.client_secret is not None
    assert paid.client_secret.get_secret_value() == PAID["client_secret"]


@pytest.mark.parametrize(("status", "cause"), [(401, "auth"), (403, "scope"), (500, "vendor")])
async def test_the_probe_says_what_is_wrong(status: int, cause: str) -> None:
    """By asking for the balance."""
    told = await made(fails(status), retry_policy=ONCE).health_check()

    assert (told["healthy"], told["cause"]) == (False, cause)
