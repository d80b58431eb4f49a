"""A connector talks to its own vendor and to nobody else."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from intertie.integrations.errors import (
    EgressError,
    IntegrationError,
    InvalidError,
    SchemaDriftError,
)
from intertie.integrations.message import origin
from intertie.integrations.operation import Empty, Nothing, get
from tests.integrations.shop import CONFIG, TOKEN, Shop
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio
HOME = "https://api.shop.example"
ELSEWHERE = [
    "https://evil.example/items",
    "http://api.shop.example/items",
    "https://api.shop.example:8443/items",
    "https://api.shop.example.evil.example/",
    "https://api.shop.example@evil.example/",
    "https://me:pw@api.shop.example/",
    "//evil.example/",
    "https://evil.example\\.api.shop.example/",
    "https://api.shop.example\\@evil.example/",
    "https://169.254.169.254/latest",
    "https://[::1]/",
    "https://[broken/",
    "https://api.shop.example:port/",
    "file:///etc/passwd",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("there", ELSEWHERE)
async def test_a_next_page_elsewhere_is_not_asked_for(there: str) -> None:
    """The vendor's answer decides nothing about who gets the credentials."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({"items": [{"id": "1"}], "next": there})

    with pytest.raises(IntegrationError) as caught:
        async for _ in stage.made(Shop, config=CONFIG).walk.pages():
            pass

    assert caught.value.cause in {"egress", "drift"}
    assert len(stage.vendor.asked) == 1


@example("https:\\\\evil.example/")
@example("https://api.shop.example\t.evil.example/")
@example(" https://evil.example")
@example("\x00https://evil.example")
@example("?q=a b\r\nx: 1")
@given(st.text(max_size=60))
async def test_wherever_a_next_page_leads_it_is_at_home(there: str) -> None:
    """And its address has no character that could end a line of the request."""
    stage = Stage()
    told = iter([answer({"next": there}), answer({})])
    stage.vendor.answers = lambda request: next(told)
    with suppress(EgressError, SchemaDriftError):
        async for _ in stage.made(Shop, config=CONFIG).walk.pages():
            pass

    for each in stage.vendor.asked:
        assert origin(each.url) == HOME
        assert each.url.isascii()
        assert each.url.isprintable()
        assert " " not in each.url


@pytest.mark.parametrize(
    "there", ["https://API.shop.example/v1/w?page=2", f"{HOME}:443/v1/w?page=2"]
)
async def test_the_same_place_may_be_written_otherwise(there: str) -> None:
    """Case and the usual port make no difference."""
    stage = Stage()
    told = iter([answer({"next": there}), answer({})])
    stage.vendor.answers = lambda request: next(told)

    pages = [each async for each in stage.made(Shop, config=CONFIG).walk.pages()]

    assert len(pages) == 2


async def test_an_operation_with_a_whole_address_may_go_there() -> None:
    """It is in the connector, and so it is one of its own."""

    class Two(Shop):
        kind = "two places"
        upload = get("https://upload.shop.example/v2/{id}", Shop.item.arguments, Empty)
        plain = get("http://upload.shop.example/", Nothing, Empty)

    stage = Stage()
    shop = stage.made(Two, config=CONFIG)

    await shop.upload(id="a/b")

    assert stage.vendor.asked[0].url == "https://upload.shop.example/v2/a%2Fb"


@pytest.mark.parametrize(
    "base",
    [
        "ftp://api.shop.example",
        "api.shop.example",
        f"https://user:{TOKEN}@api.shop.example",
        "https://api.shop.example/?a=1",
        "https://api.shop.example/#a",
        "https://api.shop.example/\r\nx: 1",
        "https://api.shop.example\\@evil.example",
        "https://api.shöp.example",
        "https://[::1",
        "https://x:y",
        "https://{}.example",
        "https://{",
    ],
)
def test_an_address_that_is_none_is_refused_when_it_is_registered(base: str) -> None:
    """By a text that does not repeat it: there may be a password in it."""
    with pytest.raises(InvalidError, match="cannot register") as caught:
        Stage().made(Shop, config={**CONFIG, "base_url": base})

    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["evil.example/", "evil.example#", "a@evil.example", "a:80", "..", "a b", "%2e", "a\\b"]
)
def test_a_setting_in_an_address_does_not_leave_its_place(name: str) -> None:
    """Else a customer's name would choose the host."""

    class Hosted(Shop):
        kind = "hosted"
        base = "https://{token}.shop.example/v1"

    with pytest.raises(InvalidError, match="letters, digits"):
        Stage().made(Hosted, config={"token": name})
    assert Stage().made(Hosted, config={"token": "acme-1"}).origins == {
        "https://acme-1.shop.example"
    }


async def test_an_address_inside_is_the_operators_word() -> None:
    """Who writes the config may name one; only pages of a vendor may not."""
    stage = Stage()
    shop = stage.made(Shop, config={**CONFIG, "base_url": "http://10.0.0.7:8080/api"})

    await shop.ping()

    assert stage.vendor.asked[0].url == "http://10.0.0.7:8080/api/ping"


async def test_the_error_shows_no_more_than_the_place() -> None:
    """Addresses of pages may hold secrets."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({"next": "https://evil.example/?key=s3cr3t"})

    with pytest.raises(
        EgressError, match=r"cannot call https://evil\.example for default/main"
    ) as e:
        async for _ in stage.made(Shop, config=CONFIG).walk.pages():
            pass

    assert "s3cr3t" not in str(e.value)
