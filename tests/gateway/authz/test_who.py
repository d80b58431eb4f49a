"""Who a request is from, by what it shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.gateway.authz.answer import Refusal
from intertie.gateway.authz.settings import RouteSettings
from intertie.gateway.authz.who import LATER, MAX_CREDENTIAL, identify, principal_of
from intertie.identity.principal import Principal
from tests.gateway.authz.asking import question
from tests.gateway.authz.people import ROBOT, People


def test_what_is_shown_is_looked_at_in_order() -> None:
    """A key before a token before a session."""
    everything = {"x_api_key": "good-key", "x_forwarded_user": '{"sub":"a"}', "cookie": "b=c"}
    found: list[object] = []
    for name in ("x_api_key", "x_forwarded_user", "cookie"):
        found.append(identify(question("r", **everything), RouteSettings(), People()))
        del everything[name]

    assert found == [ROBOT, Principal("user", "a"), LATER]


@pytest.mark.parametrize(
    "claims", ["", "{", "[]", "7", '{"sub":""}', '{"sub":7}', "null", "[" * 100_000]
)
def test_claims_that_name_nobody_are_nobody(claims: str) -> None:
    """And never a crash."""
    assert principal_of(claims) is None


@given(st.text())
def test_any_claims_give_a_principal_or_none(claims: str) -> None:
    """Whatever they hold."""
    found = principal_of(claims)
    assert found is None or found.id


def test_claims_become_the_principal_they_were_made_of() -> None:
    """What services get is what the authorizer gets."""
    who = Principal("service", "s", tenant="t", name="n", roles=("a", "b"), scopes=("x",))

    assert principal_of(who.forwarded()) == who
    assert principal_of('{"sub":"a","kind":"root","roles":[1,"x"],"tenant":{}}') == Principal(
        "user", "a", roles=("x",)
    )


def test_a_credential_that_is_far_too_long_is_not_even_looked_up() -> None:
    """Hashing a megabyte would be work for nothing."""
    text = "k" * (MAX_CREDENTIAL + 1)
    found = identify(question("r", x_api_key=text), RouteSettings(), People(keys={text: ROBOT}))

    assert isinstance(found, Refusal)
    assert found.code == "key_malformed"


def test_a_token_is_known_by_its_id_as_envoy_tells_it() -> None:
    """`iat` comes as a number with a point."""
    people = People(revoked={"j1"})
    asked = question(
        "r", x_forwarded_user='{"sub":"a"}', x_intertie_jti="j1", x_intertie_iat="1700000000.000000"
    )
    found = identify(asked, RouteSettings(), people)

    assert isinstance(found, Refusal)
    assert found.code == "revoked"
