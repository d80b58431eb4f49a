"""Braintree: what is sent is judged by the vendor's own schema."""

import base64
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from aiohttp import web
from graphql import GraphQLError, GraphQLSchema, build_schema, execute_sync, parse, validate
from graphql.execution.values import get_variable_values
from graphql.language import OperationDefinitionNode
from graphql.type import GraphQLEnumType

from intertie.integrations.call import Tools
from intertie.integrations.config import IntegrationConfig, IntegrationStatus
from intertie.integrations.errors import (
    AbsentError,
    AuthExpiredError,
    InvalidError,
    LoopError,
    SchemaDriftError,
    ScopeMissingError,
    ThrottledError,
    VendorDownError,
    VendorTimeoutError,
)
from intertie.integrations.external_apis.braintree import BraintreeIntegration, Criteria, Status
from intertie.integrations.message import Request, Response
from intertie.integrations.registry import IntegrationRegistry
from intertie.integrations.transport import AiohttpTransport
from tests.integrations.stage import Stage, answer
from tools.specs.sources import ENVIRONMENT, braintree_schema, folder

pytestmark = pytest.mark.anyio
KEYS = {"public_key": "a-public-key", "private_key": "a-private-key"}
OPERATIONS = sorted(BraintreeIntegration.operations)
GOOD: Mapping[str, Mapping[str, Any]] = {
    "ping": {},
    "charge_payment_method": {
        "paymentMethodId": "token",
        "amount": "12.50",
        "orderId": "o-1",
        "merchantAccountId": "eur",
        "customerId": "c-1",
    },
    "refund_transaction": {"transactionId": "t-1", "refund": {"amount": "2.00"}},
    "create_customer": {"customer": {"email": "a@example.com", "firstName": "Ada"}},
    "search": {"input": {"status": {"in": ["SETTLED"]}}, "first": 2},
}
"""Variables of each operation, by the schema's names."""
UNNEEDED = {"ping": "it takes no variables", "create_customer": "it requires none"}
"""Operations that no variable can be missing from, and why."""


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    """The vendor's, which is not ours to keep here."""
    file = braintree_schema()
    if file is None:
        pytest.skip(f"braintree.graphql is not in {folder()}: set {ENVIRONMENT} to its folder")
    return build_schema(file.read_text(), assume_valid=True)  # it deprecates what it may not


def faults(schema: GraphQLSchema, document: str, variables: Mapping[str, Any]) -> list[str]:
    """What the schema has against it."""
    try:
        parsed = parse(document)
    except GraphQLError as exc:
        return [exc.message]
    found = validate(schema, parsed)
    if found:
        return [each.message for each in found]
    asked = next(d for d in parsed.definitions if isinstance(d, OperationDefinitionNode))
    coerced = get_variable_values(schema, asked.variable_definitions or (), dict(variables))
    return [each.message for each in coerced] if isinstance(coerced, list) else []


def document(name: str) -> str:
    """Of an operation."""
    return BraintreeIntegration.operations[name].document


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_each_document_is_one_of_the_schema(schema: GraphQLSchema, name: str) -> None:
    """So are its variables."""
    assert faults(schema, document(name), GOOD[name]) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_the_judge_refuses_a_field_that_there_is_not(schema: GraphQLSchema, name: str) -> None:
    """The last field of each document, misspelt."""
    told = document(name)
    head, last = re.split(r"(?=\b\w+\s*\}(?:[^\w]*)(?:fragment|$))", told, maxsplit=1)
    broken = head + "noSuchField_" + last

    assert any("noSuchField_" in each for each in faults(schema, broken, GOOD[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - {"ping"}))
def test_the_judge_refuses_a_variable_of_another_type(schema: GraphQLSchema, name: str) -> None:
    """The first variable, declared as a list of truths."""
    broken = re.sub(r"(\(\s*\$\w+: )\w+", r"\1[Boolean]", document(name), count=1)

    found = faults(schema, broken, {})

    assert any("used in position expecting type" in each for each in found), found


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - set(UNNEEDED)))
def test_the_judge_refuses_a_missing_variable(schema: GraphQLSchema, name: str) -> None:
    """The first one is required."""
    wanted = dict(GOOD[name])
    first = next(iter(wanted))
    del wanted[first]

    assert any(f"${first}" in each for each in faults(schema, document(name), wanted))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("charge_payment_method", {"paymentMethodId": {"no": "id"}}),
        ("refund_transaction", {"refund": {"no_such": 1}}),
        ("create_customer", {"customer": {"first_name": "not in camel case"}}),
        ("search", {"input": {"status": {"in": ["NO_SUCH_STATUS"]}}}),
    ],
)
def test_the_judge_refuses_a_wrong_value(
    schema: GraphQLSchema, name: str, broken: Mapping[str, Any]
) -> None:
    """Names and values of input objects count."""
    assert faults(schema, document(name), {**GOOD[name], **broken})


@pytest.mark.slow
def test_the_states_are_those_of_the_schema(schema: GraphQLSchema) -> None:
    """None missing, none made up."""
    known = schema.type_map["PaymentStatus"]
    assert isinstance(known, GraphQLEnumType)

    assert set(get_args(Status)) == set(known.values)


@dataclass
class Vendor:
    """Executes what the schema takes, and refuses all else as Braintree does: with 200."""

    schema: GraphQLSchema
    charged: list[Any] = field(default_factory=list)
    asked: int = 0

    async def serve(self, request: web.Request) -> web.Response:
        """One request."""
        self.asked += 1
        told = await request.json()
        pair = base64.b64encode(f"{KEYS['public_key']}:{KEYS['private_key']}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {pair}":
            return web.json_response(refusal("AUTHENTICATION"))
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", request.headers["braintree-version"])
        found = faults(self.schema, told["query"], told["variables"])
        if found:
            return web.json_response(refusal("VALIDATION", "; ".join(found)))
        result = execute_sync(
            self.schema,
            parse(told["query"]),
            root_value=self.world(),
            variable_values=told["variables"],
        )
        assert result.errors is None, result.errors
        return web.json_response({"data": result.data})

    def world(self) -> Mapping[str, Any]:
        """Three transactions."""
        return {
            "ping": "pong",
            "chargePaymentMethod": self.charge,
            "refundTransaction": lambda info, input: {
                "refund": paid(9, amount=input["refund"]["amount"])
            },
            "createCustomer": lambda info, input: {
                "customer": {"id": "c-1", "legacyId": "1", **input["customer"]}
            },
            "search": {"transactions": self.transactions},
        }

    def charge(self, info: object, input: Any) -> Any:
        """Keeps what it was told."""
        self.charged.append(input)
        return {"transaction": paid(1, amount=input["transaction"]["amount"])}

    def transactions(self, info: object, input: Any, first: int, after: str = "0") -> Any:
        """Cursors are numbers; the last page has one too."""
        begin = int(after)
        end = min(begin + first, 3)
        nodes = [{"node": paid(number)} for number in range(begin, end)]
        more = {"hasNextPage": end < 3, "hasPreviousPage": begin > 0, "endCursor": str(end)}
        return {"edges": nodes, "pageInfo": more}


def paid(number: int, amount: str = "12.50") -> Mapping[str, Any]:
    """A transaction."""
    return {
        "id": f"t-{number}",
        "legacyId": str(number),
        "status": "SETTLED",
        "createdAt": "2026-01-02T03:04:05.000000Z",
        "amount": {"value": amount, "currencyCode": "EUR"},
    }


def refusal(word: str, message: str = "no") -> Mapping[str, Any]:
    """As Braintree answers, with 200."""
    return {"data": None, "errors": [{"message": message, "extensions": {"errorClass": word}}]}


@asynccontextmanager
async def connected(
    schema: GraphQLSchema, **told: Any
) -> AsyncIterator[tuple[BraintreeIntegration, Vendor]]:
    """A connection to a vendor that listens on this machine."""
    vendor = Vendor(schema)
    app = web.Application()
    app.router.add_post("/graphql", vendor.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/graphql"
    registry = IntegrationRegistry(Tools(AiohttpTransport()))
    config = IntegrationConfig(name="main", config={**KEYS, "base_url": url, **told})
    made = registry.register(BraintreeIntegration, config)
    assert isinstance(made, BraintreeIntegration)
    try:
        yield made, vendor
    finally:
        await registry.aclose()
        await runner.cleanup()


@pytest.mark.slow
async def test_money_moves_and_comes_back(schema: GraphQLSchema) -> None:
    """Charged, refunded in part, all by the schema."""
    async with connected(schema) as (braintree, vendor):
        charged = await braintree.charge_payment_method(
            payment_method_id="token", amount="12.50", order_id="o-1"
        )
        refunded = await braintree.refund_transaction(
            transaction_id=charged.transaction.id, refund={"amount": "2.50"}
        )

    assert (charged.transaction.id, charged.transaction.status) == ("t-1", "SETTLED")
    assert charged.transaction.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert refunded.refund.amount is not None
    assert str(refunded.refund.amount.value) == "2.50"
    assert vendor.charged == [
        {"paymentMethodId": "token", "transaction": {"amount": "12.50", "orderId": "o-1"}}
    ]


@pytest.mark.slow
async def test_a_customer_is_kept(schema: GraphQLSchema) -> None:
    """By the schema's names."""
    async with connected(schema) as (braintree, _):
        made = await braintree.create_customer(customer={"email": "a@b.c", "first_name": "Ada"})

    assert (made.customer.id, made.customer.first_name) == ("c-1", "Ada")


@pytest.mark.slow
async def test_a_search_goes_over_all_pages(schema: GraphQLSchema) -> None:
    """Until there is no next one, although the last page has a cursor too."""
    since = datetime(2026, 1, 1, tzinfo=UTC)
    async with connected(schema) as (braintree, vendor):
        every = [e async for e in braintree.search.every(input=Criteria(), first=2)]
        found = braintree.search_transactions(statuses=["SETTLED"], since=since, customer_id="c-1")
        ids = [each.id async for each in found]

    assert [each.node.id for each in every] == ["t-0", "t-1", "t-2"]
    assert ids == ["t-0", "t-1", "t-2"]
    assert vendor.asked == 3


@pytest.mark.slow
async def test_the_probe_tells_good_keys_from_bad_ones(schema: GraphQLSchema) -> None:
    """Green and red."""
    async with connected(schema) as (braintree, _):
        assert await braintree.initialize()
        assert braintree.status is IntegrationStatus.HEALTHY
    async with connected(schema, private_key="another-key") as (braintree, _):
        assert not await braintree.initialize()
        assert (await braintree.health_check())["cause"] == "auth"


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("AUTHENTICATION", AuthExpiredError),
        ("AUTHORIZATION", ScopeMissingError),
        ("NOT_FOUND", AbsentError),
        ("VALIDATION", InvalidError),
        ("UNSUPPORTED_CLIENT", InvalidError),
        ("RESOURCE_LIMIT", ThrottledError),
        ("SERVICE_AVAILABILITY", VendorDownError),
        ("INTERNAL", VendorDownError),
        ("UNKNOWN", VendorDownError),
        ("SOMETHING_NEW", InvalidError),
    ],
)
async def test_an_answer_of_200_with_an_error_class_is_an_error(
    word: str, kind: type[Exception]
) -> None:
    """Of the kind that its class says, with the vendor's message."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer(refusal(word, "because of this"))
    braintree = stage.made(BraintreeIntegration, config=KEYS)

    with pytest.raises(kind, match="because of this"):
        await braintree.create_customer(customer={"email": "a@b.c"})


async def test_an_error_without_a_class_is_an_error_too() -> None:
    """Such as the answer to a document that cannot be parsed."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({"errors": [{"message": "no such syntax"}]})
    braintree = stage.made(BraintreeIntegration, config=KEYS)

    with pytest.raises(InvalidError, match="no such syntax"):
        await braintree.ping()


async def test_an_answer_without_what_was_asked_for_is_no_success() -> None:
    """A charge that names no transaction may or may not have been made."""
    stage = Stage()
    told = {"data": {"chargePaymentMethod": {"transaction": None}}}
    stage.vendor.answers = lambda request: answer(told)
    braintree = stage.made(BraintreeIntegration, config=KEYS)

    with pytest.raises(SchemaDriftError, match="charge_payment_method"):
        await braintree.charge_payment_method(payment_method_id="t", amount="1.00")


@pytest.mark.parametrize("failure", ["status", "class", "silence"])
async def test_money_is_never_moved_twice(failure: str) -> None:
    """Braintree has no key for that: once is all, whatever was lost. What reads is tried again."""
    stage = Stage()

    def failing(request: Request) -> Response:
        if failure == "silence":
            raise VendorTimeoutError("cannot reach it")
        return answer({}, 503) if failure == "status" else answer(refusal("INTERNAL"))

    stage.vendor.answers = failing
    braintree = stage.made(BraintreeIntegration, config=KEYS)

    with pytest.raises(VendorDownError):
        await braintree.charge_payment_method(payment_method_id="t", amount="1.00")
    with pytest.raises(VendorDownError):
        await braintree.refund_transaction(transaction_id="t")
    assert len(stage.vendor.asked) == 2
    with pytest.raises(VendorDownError):
        await braintree.ping()
    assert len(stage.vendor.asked) == 2 + 3


async def test_a_key_for_money_is_refused() -> None:
    """It would be a promise that nobody keeps."""
    stage = Stage()
    braintree = stage.made(BraintreeIntegration, config=KEYS)

    with pytest.raises(InvalidError, match="no such way"):
        await braintree.refund_transaction(transaction_id="t", key="once")

    assert stage.vendor.asked == []


async def test_pages_that_go_round_are_noticed() -> None:
    """The same cursor again and again."""
    stage = Stage()
    more = {"hasNextPage": True, "endCursor": "same"}
    told = {"data": {"search": {"transactions": {"edges": [], "pageInfo": more}}}}
    stage.vendor.answers = lambda request: answer(told)
    braintree = stage.made(BraintreeIntegration, config=KEYS)

    with pytest.raises(LoopError, match="again and again"):
        async for _ in braintree.search_transactions():
            pass

    assert len(stage.vendor.asked) == 2


async def test_real_money_is_moved_only_when_that_is_meant() -> None:
    """The sandbox is another address; production asks for a word of its own."""
    stage = Stage()
    told = {"data": {"refundTransaction": {"refund": {"id": "r"}}}}
    stage.vendor.answers = lambda request: answer(told)
    play = stage.made(BraintreeIntegration, name="play", config=KEYS)
    real = {**KEYS, "environment": "production"}
    careful = stage.made(BraintreeIntegration, name="careful", config=real)
    live = stage.made(BraintreeIntegration, name="live", config={**real, "allow_live": True})

    await play.refund_transaction(transaction_id="t")
    with pytest.raises(InvalidError, match="allow_live"):
        await careful.refund_transaction(transaction_id="t")
    with pytest.raises(InvalidError, match="allow_live"):
        await careful.charge_payment_method(payment_method_id="t", amount="1.00")
    await live.refund_transaction(transaction_id="t")

    assert [each.url for each in stage.vendor.asked] == [
        "https://payments.sandbox.braintree-api.com/graphql",
        "https://payments.braintree-api.com/graphql",
    ]


@pytest.mark.parametrize("amount", ["1.5", "-1.00", "1e3", "1.0000", ""])
async def test_an_amount_that_is_none_is_not_sent(amount: str) -> None:
    """A whole number, or two or three decimals."""
    stage = Stage()
    braintree = stage.made(BraintreeIntegration, config=KEYS)

    with pytest.raises(InvalidError, match="amount"):
        await braintree.charge_payment_method(payment_method_id="t", amount=amount)

    assert stage.vendor.asked == []


async def test_no_key_is_shown() -> None:
    """Neither by the connection nor by an error, although the vendor says it back."""
    stage = Stage()
    message = f"{KEYS['private_key']} is no key"
    stage.vendor.answers = lambda request: answer(refusal("AUTHENTICATION", message))
    braintree = stage.made(BraintreeIntegration, config=KEYS)

    with pytest.raises(AuthExpiredError) as caught:
        await braintree.ping()

    shown = f"{braintree!r} {braintree.settings!r} {braintree.config!r} {caught.value!r}"
    assert KEYS["private_key"] not in shown
    sent = json.loads(stage.vendor.asked[0].body or b"")
    assert KEYS["private_key"] not in json.dumps(sent)
