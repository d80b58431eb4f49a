"""Bodies and answers about identities."""

import pytest
from pydantic import BaseModel, ValidationError

from intertie.api import identity_models as models
from intertie.api.models import Body
from intertie.identity.emails import domain_of


def test_a_password_is_shown_by_no_body() -> None:
    """Neither as text nor in an error."""
    body = models.PasswordBody.model_validate({"password": "correct horse battery"})

    assert "horse" not in repr(body) + str(body) + body.model_dump_json()
    with pytest.raises(ValidationError) as raised:
        models.PasswordBody.model_validate({"password": "shorthorse"})
    assert "shorthorse" not in "".join(error["msg"] for error in raised.value.errors())


@pytest.mark.parametrize(
    "email",
    ["", "ann@example.com", "o'brien@example.co.uk", "a.b+c@x-y.example.com", "a@xn--bcher-kva.ch"],
)
def test_addresses_of_people_are_taken(email: str) -> None:
    """What the body takes the store takes too."""
    assert models.UserBody(login="ann", email=email).email == email
    assert not email or domain_of(email)


@pytest.mark.parametrize("email", ["ann", "ann@", "@example.com", "a b@example.com", "a@b@c.de"])
def test_what_is_no_address_is_refused(email: str) -> None:
    """Before anything is looked up."""
    with pytest.raises(ValidationError):
        models.UserBody(login="ann", email=email)


def test_answers_to_reads_have_no_field_for_a_secret() -> None:
    """A text of a key is in `NewKeyView` only, and no view has a password."""
    views = [
        each
        for each in vars(models).values()
        if isinstance(each, type) and issubclass(each, BaseModel) and not issubclass(each, Body)
    ]
    secret = {
        view.__name__
        for view in views
        if {"text", "password", "code", "token"} & view.model_fields.keys()
    }

    assert secret == {"NewKeyView"}


@pytest.mark.parametrize(
    ("said", "seconds"), [("24h", 86400), (0, 0), ("1h30m", 5400), (90.5, 90.5)]
)
def test_an_overlap_is_a_duration(said: object, seconds: float) -> None:
    """As in the suite file."""
    assert models.RotationBody.model_validate({"overlap": said}).overlap == seconds
