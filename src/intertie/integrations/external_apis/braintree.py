"""Braintree: payments by GraphQL."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AliasPath, ConfigDict, Field, SecretStr
from pydantic.alias_generators import to_camel

from intertie.integrations import rest
from intertie.integrations.credentials import Basic
from intertie.integrations.data import Cursor, Errors, Limits, Probe, Sandbox
from intertie.integrations.operation import Answer, Arguments, Nothing, graphql
from intertie.integrations.webhooks import At, BraintreeChallenge, BraintreeSha1, Webhook

Amount = Annotated[str, Field(pattern=r"^\d{1,12}(\.\d{2,3})?$")]
"""A whole number, or two or three decimals: `12.50`."""
Status = Literal[
    "AUTHORIZATION_EXPIRED",
    "AUTHORIZED",
    "AUTHORIZING",
    "FAILED",
    "GATEWAY_REJECTED",
    "PROCESSOR_DECLINED",
    "SETTLED",
    "SETTLEMENT_CONFIRMED",
    "SETTLEMENT_DECLINED",
    "SETTLEMENT_PENDING",
    "SETTLING",
    "SUBMITTED_FOR_SETTLEMENT",
    "VOIDED",
]
_HOSTS = {
    "sandbox": "payments.sandbox.braintree-api.com",
    "production": "payments.braintree-api.com",
}
_TRANSACTION = """fragment Paid on Transaction {
  id legacyId status orderId createdAt amount { value currencyCode }
}"""
_PING = "query Ping { ping }"
_CHARGE = f"""mutation Charge(
  $paymentMethodId: ID!, $amount: Amount!, $orderId: String, $merchantAccountId: ID
  $customerId: ID
) {{
  chargePaymentMethod(input: {{
    paymentMethodId: $paymentMethodId
    transaction: {{
      amount: $amount, orderId: $orderId, merchantAccountId: $merchantAccountId
      customerId: $customerId
    }}
  }}) {{ transaction {{ ...Paid }} }}
}}
{_TRANSACTION}"""
_REFUND = """mutation Refund($transactionId: ID!, $refund: RefundInput) {
  refundTransaction(input: {transactionId: $transactionId, refund: $refund}) {
    refund { id legacyId status orderId createdAt amount { value currencyCode } }
  }
}"""
_CREATE_CUSTOMER = """mutation CreateCustomer($customer: CustomerInput) {
  createCustomer(input: {customer: $customer}) {
    customer { id legacyId email firstName lastName company }
  }
}"""
_SEARCH = f"""query Search($input: TransactionSearchInput!, $first: Int, $after: String) {{
  search {{ transactions(input: $input, first: $first, after: $after) {{
    edges {{ node {{ ...Paid }} }}
    pageInfo {{ hasNextPage endCursor }}
  }} }}
}}
{_TRANSACTION}"""
_MEANINGS = {
    "AUTHENTICATION": "auth",
    "AUTHORIZATION": "forbidden",
    "NOT_FOUND": "absent",
    "VALIDATION": "invalid",
    "UNSUPPORTED_CLIENT": "invalid",
    "RESOURCE_LIMIT": "throttled",
    "SERVICE_AVAILABILITY": "vendor_down",
    "INTERNAL": "vendor_down",
    "UNKNOWN": "vendor_down",
}


class Settings(rest.Settings):
    """An API key of the control panel, of the sandbox or of the real thing."""

    public_key: str
    """Of the key."""
    private_key: SecretStr
    """Of the key."""
    environment: Literal["sandbox", "production"] = "sandbox"
    """Whose key it is."""
    allow_live: bool = False
    """Whether real money may be moved; not needed in the sandbox."""

    @property
    def host(self) -> str:
        """Of the environment."""
        return _HOSTS[self.environment]


class Variables(Arguments):
    """Variables by the names of the schema."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Node(Answer):
    """A thing by the names of the schema."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    id: str
    legacy_id: str = ""


class Money(Answer):
    """An amount."""

    value: Decimal | None = None
    currency_code: str | None = Field(default=None, alias="currencyCode")


class Payment(Node):
    """What was charged, or given back; `status` says what became of it."""

    status: str | None = None
    order_id: str | None = None
    created_at: datetime | None = None
    amount: Money | None = None


class Customer(Node):
    """Somebody who pays."""

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None


class Charge(Variables):
    """Who pays how much. A card that is declined is no error: see `status`."""

    payment_method_id: str
    amount: Amount
    order_id: str | None = None
    merchant_account_id: str | None = None
    """Says the currency too; the default one of the merchant when left out."""
    customer_id: str | None = None


class RefundPart(Variables):
    """How much is given back; all when left out."""

    amount: Amount | None = None
    order_id: str | None = None
    reason: str | None = None


class Refund(Variables):
    """Of which transaction."""

    transaction_id: str
    refund: RefundPart | None = None


class NewCustomer(Variables):
    """What is known of them."""

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    phone_number: str | None = None


class CreateCustomer(Variables):
    """Whom to keep."""

    customer: NewCustomer


class Text(Variables):
    """A text that is looked for."""

    is_: str = Field(alias="is")


class OneOf(Variables):
    """One of several states."""

    in_: Sequence[Status] = Field(alias="in", min_length=1)


class Within(Variables):
    """From when to when, in UTC."""

    greater_than_or_equal_to: datetime | None = None
    less_than_or_equal_to: datetime | None = None


class OfCustomer(Variables):
    """Whose."""

    id: Text


class Criteria(Variables):
    """All of them must hold."""

    status: OneOf | None = None
    created_at: Within | None = None
    order_id: Text | None = None
    customer: OfCustomer | None = None


class Search(Variables):
    """Which transactions, and how many a page."""

    input: Criteria
    first: int = Field(default=50, ge=1, le=100)
    after: str | None = None


class Pong(Answer):
    """A sign of life."""

    ping: str = Field(validation_alias=AliasPath("data", "ping"))


class Charged(Answer):
    """What became of a charge."""

    transaction: Payment = Field(
        validation_alias=AliasPath("data", "chargePaymentMethod", "transaction")
    )


class Refunded(Answer):
    """What became of a refund."""

    refund: Payment = Field(validation_alias=AliasPath("data", "refundTransaction", "refund"))


class Created(Answer):
    """Who is kept."""

    customer: Customer = Field(validation_alias=AliasPath("data", "createCustomer", "customer"))


class Edge(Answer):
    """One of those found."""

    node: Payment | None = None


class PageInfo(Answer):
    """Where the next page begins."""

    has_next_page: bool = Field(alias="hasNextPage")
    end_cursor: str | None = Field(default=None, alias="endCursor")


class Found(Answer):
    """Some of the transactions found."""

    edges: list[Edge | None] | None = Field(
        default=None, validation_alias=AliasPath("data", "search", "transactions", "edges")
    )
    page: PageInfo = Field(validation_alias=AliasPath("data", "search", "transactions", "pageInfo"))


class BraintreeIntegration(rest.RestIntegration):
    """Card and wallet payments."""

    kind = "braintree"
    docs = "https://developer.paypal.com/braintree/graphql"
    stability = "beta"
    owner = "payments"
    settings_type = Settings
    webhook = Webhook(
        BraintreeSha1(),
        secret="private_key",  # noqa: S106 - the name of a setting
        body="braintree",
        type=(At("kind"),),
        challenge=BraintreeChallenge(),
    )
    base = "https://{host}/graphql"
    ways = (Basic("public_key", "private_key"),)
    headers = {"braintree-version": "2019-01-01"}
    limits = Limits(requests_per_minute=600, burst_limit=20)  # our caution: none is said
    errors = Errors(
        message=("errors.0.message",),
        # An error without a class is one too.
        code=("errors.0.extensions.errorClass", "errors.0.message"),
        codes=_MEANINGS,
    )
    sandbox = Sandbox("environment", ("sandbox",))
    probe = Probe("ping")

    ping = graphql(_PING, Nothing, Pong)
    # The schema has no key that would keep money from moving twice: `clientMutationId` only comes
    # back in the answer.
    charge_payment_method = graphql(_CHARGE, Charge, Charged, effect="money", never_again=True)
    refund_transaction = graphql(_REFUND, Refund, Refunded, effect="money", never_again=True)
    create_customer = graphql(_CREATE_CUSTOMER, CreateCustomer, Created)
    search = graphql(
        _SEARCH,
        Search,
        Found,
        pages=Cursor("edges", "page.end_cursor", "after", more="page.has_next_page"),
    )

    async def search_transactions(
        self,
        *,
        statuses: Sequence[Status] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        order_id: str | None = None,
        customer_id: str | None = None,
        at_most: int | None = None,
    ) -> AsyncIterator[Payment]:
        """All transactions for which all of this holds, page by page. Raises IntegrationError."""
        told: dict[str, Any] = {  # Any: each its own model
            "status": {"in": statuses} if statuses else None,
            "created_at": {"greater_than_or_equal_to": since, "less_than_or_equal_to": until}
            if since or until
            else None,
            "order_id": {"is": order_id} if order_id else None,
            "customer": {"id": {"is": customer_id}} if customer_id else None,
        }
        async for edge in self.search.every(input=told, at_most=at_most):
            if edge is not None and edge.node is not None:
                yield edge.node
