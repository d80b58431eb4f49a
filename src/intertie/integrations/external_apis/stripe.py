"""Stripe: payments, refunds and customers."""

from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from intertie.integrations import rest
from intertie.integrations.credentials import Bearer
from intertie.integrations.data import Errors, Key, LastId, Limits, Probe, Sandbox
from intertie.integrations.operation import Answer, Arguments, Nothing, get, post
from intertie.integrations.webhooks import At, StripeV1, Webhook

_KEY = Key()
_LIST = LastId("data", "has_more", "starting_after")
Cents = Annotated[int, Field(gt=0)]
"""In the currency's least unit; a yen is one."""
Currency = Annotated[str, Field(pattern=r"^[a-z]{3}$")]
Metadata = dict[Annotated[str, Field(max_length=40)], Annotated[str, Field(max_length=500)]]
PerPage = Annotated[int, Field(ge=1, le=100)]


class Settings(rest.Settings):
    """An account of https://dashboard.stripe.com/apikeys."""

    api_key: SecretStr
    """Begins with `sk_` or, better, `rk_`: a key that may do no more than it must."""
    allow_live: bool = False
    """Whether real money may be moved; not needed with keys of a sandbox (`sk_test_`)."""
    webhook_secret: SecretStr | list[SecretStr] | None = None
    """Of the endpoint: begins with `whsec_`, signs what Stripe delivers."""


class Funds(Answer):
    """An amount; None where Stripe says none."""

    amount: int | None = None
    currency: str | None = None


class Balance(Answer):
    """What the account has."""

    livemode: bool
    available: list[Funds]
    pending: list[Funds]


class PaymentIntent(Answer):
    """A payment, from the wish to the receipt."""

    id: str
    amount: int
    currency: str
    status: str
    """`succeeded` is the one that means paid."""
    livemode: bool
    amount_received: int = 0
    customer: str | None = None
    latest_charge: str | None = None
    client_secret: SecretStr | None = None
    """With it a browser finishes the payment."""
    metadata: dict[str, str] = {}


class PaymentIntentPage(Answer):
    """Some of the payments, the newest first."""

    data: list[PaymentIntent]
    has_more: bool


class Refund(Answer):
    """Money on its way back."""

    id: str
    amount: int
    currency: str
    status: str | None = None
    payment_intent: str | None = None
    reason: str | None = None


class Customer(Answer):
    """Who pays."""

    id: str
    created: int
    livemode: bool
    email: str | None = None
    name: str | None = None
    metadata: dict[str, str] = {}


class CustomerPage(Answer):
    """Some of the customers, the newest first."""

    data: list[Customer]
    has_more: bool


class Automatic(Arguments):
    """Ways to pay as the dashboard has them."""

    enabled: bool = True


class Pay(Arguments):
    """How much, and how."""

    amount: Cents
    currency: Currency
    customer: str | None = None
    description: str | None = Field(default=None, max_length=1000)
    payment_method: str | None = None
    payment_method_types: list[str] | None = None
    automatic_payment_methods: Automatic | None = None
    confirm: bool | None = None
    """Whether to take the money at once."""
    off_session: bool | None = None
    capture_method: Literal["automatic", "automatic_async", "manual"] | None = None
    receipt_email: str | None = None
    return_url: str | None = None
    metadata: Metadata | None = Field(default=None, max_length=50)


class Intent(Arguments):
    """Which payment."""

    intent: str = Field(min_length=1)


class PaymentIntents(Arguments):
    """Which payments."""

    customer: str | None = None
    limit: PerPage = 100
    starting_after: str | None = None


class Return(Arguments):
    """Which payment is given back; without an amount, all of it."""

    payment_intent: str | None = None
    charge: str | None = None
    amount: Cents | None = None
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None
    metadata: Metadata | None = Field(default=None, max_length=50)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if bool(self.payment_intent) == bool(self.charge):
            raise ValueError("say either `payment_intent` or `charge`")
        return self


class NewCustomer(Arguments):
    """What is known of them."""

    email: str | None = Field(default=None, max_length=512)
    name: str | None = Field(default=None, max_length=256)
    phone: str | None = Field(default=None, max_length=20)
    description: str | None = None
    preferred_locales: list[str] | None = None
    metadata: Metadata | None = Field(default=None, max_length=50)


class Customers(Arguments):
    """Which customers."""

    email: str | None = Field(default=None, max_length=512)
    limit: PerPage = 100
    starting_after: str | None = None


class StripeIntegration(rest.RestIntegration):
    """Payments, refunds and customers."""

    kind = "stripe"
    docs = "https://docs.stripe.com/api"
    stability = "beta"
    owner = "payments"
    settings_type = Settings
    webhook = Webhook(StripeV1(), id=(At("id"),), type=(At("type"),))
    base = "https://api.stripe.com"
    headers = MappingProxyType({"stripe-version": "2022-11-15"})  # of specs/stripe.json
    ways = (Bearer("api_key"),)
    # 100 a second in all and 25 in a sandbox, 25 of one endpoint (docs.stripe.com/rate-limits).
    limits = Limits(burst_limit=25)
    errors = Errors(
        message=("error.message",),
        vendor_down=(424, 500, 502, 503, 504),  # 424: somebody whom Stripe needs fails
        code=("error.code", "error.type"),
        code_from=400,
        # A key that was used for something else (400); one in use just now is a 409.
        codes=MappingProxyType({"idempotency_error": "clash"}),
        retry_from="stripe-should-retry",
    )
    sandbox = Sandbox("api_key", ("sk_test_", "rk_test_"))
    probe = Probe("balance")

    balance = get("/v1/balance", Nothing, Balance)
    create_payment_intent = post(
        "/v1/payment_intents", Pay, PaymentIntent, effect="money", encoding="nested form", key=_KEY
    )
    payment_intent = get("/v1/payment_intents/{intent}", Intent, PaymentIntent)
    payment_intents = get("/v1/payment_intents", PaymentIntents, PaymentIntentPage, pages=_LIST)
    create_refund = post(
        "/v1/refunds", Return, Refund, effect="money", encoding="nested form", key=_KEY
    )
    create_customer = post("/v1/customers", NewCustomer, Customer, encoding="nested form", key=_KEY)
    customers = get("/v1/customers", Customers, CustomerPage, pages=_LIST)
