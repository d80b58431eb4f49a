"""A made-up vendor's connector with one operation of each sort, for tests of the core."""

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field, SecretStr

from intertie.integrations import rest
from intertie.integrations.credentials import Auth, Bearer, OAuth2
from intertie.integrations.data import Cursor, Key, Limits, LinkHeader, NextUrl, Probe
from intertie.integrations.operation import Answer, Arguments, Empty, Nothing, get, post, put

TOKEN = "tok-3f9a77c1d2"
CONFIG: dict[str, Any] = {"token": TOKEN}


class Settings(rest.Settings):
    """An account."""

    token: SecretStr
    """Of the account."""


class Id(Arguments):
    """Which one."""

    id: str


class Item(Answer):
    """One thing."""

    id: str = ""


class Items(Answer):
    """Some things."""

    items: list[Item] = Field(default_factory=list)
    next: str | None = None


class Search(Arguments):
    """What is looked for."""

    q: str = Field(default="", max_length=100)
    cursor: str | None = None


class New(Arguments):
    """A thing to be made."""

    name: str


class Pay(Arguments):
    """How much."""

    cents: int = Field(ge=1)


class Shop(rest.RestIntegration):
    """Sells things."""

    kind = "shop"
    docs = "https://docs.shop.example"
    owner = "tests"
    settings_type: ClassVar[type[rest.Settings]] = Settings
    base = "https://api.shop.example/v1"
    ways: ClassVar[Sequence[Auth]] = (Bearer("token"),)
    probe = Probe("ping")

    ping = get("/ping", Nothing, Empty)
    item = get("/items/{id}", Id, Item)
    search = get("/items", Search, Items, pages=Cursor("items", next="next", parameter="cursor"))
    walk = get("/walk", Search, Items, pages=NextUrl("items", next="next"))
    links = get("/links", Search, Items, pages=LinkHeader("items"))
    make = post("/items", New, Item)
    rename = put("/items/{id}", Id, Item)
    pay = post("/payments", Pay, Item, effect="money", key=Key())
    wire = post("/wires", Pay, Item, effect="money", never_again=True)
    tell = post("/messages", New, Item, effect="message")


class AppShop(Shop):
    """All connections of an app share one allowance."""

    kind = "app shop"
    limits = Limits(requests_per_minute=60, burst_limit=10, per="app")


class GrantSettings(rest.Settings):
    """An app."""

    client_id: str = "app"
    client_secret: SecretStr = SecretStr("app-secret-1")


class GrantShop(Shop):
    """People log in."""

    kind = "grant shop"
    settings_type = GrantSettings
    ways = (OAuth2("https://auth.shop.example/token", authorize="https://auth.shop.example/"),)
    orders = get("/orders", Nothing, Items, scopes=("orders", "items"))
