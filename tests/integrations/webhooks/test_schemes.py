"""Every scheme against everything that is tried on it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from intertie.integrations.errors import WebhookForgedError
from intertie.integrations.webhooks.schemes import Scheme
from tests.integrations.webhooks.cases import (
    CASES,
    NOW,
    REPEATABLE,
    Case,
    believed,
    other,
    reencoded,
    signature_of,
    twice,
    with_signature,
)

every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
timed = pytest.mark.parametrize(
    "case", [case for case in CASES if case.is_timed], ids=lambda case: case.name
)
refused = pytest.raises(WebhookForgedError)


def test_every_scheme_is_tried() -> None:
    """A scheme without a case would be believed untested."""
    kinds = {type(case.webhook.scheme).__name__ for case in CASES}

    assert kinds == {each.__name__ for each in Scheme.__args__}


@every
def test_a_good_one_is_believed(case: Case) -> None:
    """And by the secret that signed it, wherever it stands in the list."""
    delivery = case.made()

    assert believed(case, delivery) == 0
    assert believed(case, delivery, secrets=[case.other_secret, case.secret]) == 1


@every
def test_a_forged_signature_is_refused(case: Case) -> None:
    """One letter is enough."""
    delivery = case.made()
    wrong = other(case, signature_of(case, delivery))

    with refused:
        believed(case, with_signature(case, delivery, wrong))


@every
def test_another_body_is_refused(case: Case) -> None:
    """With the signature of a good one."""
    delivery = case.made()
    body = delivery.body.replace(b"done", b"DONE").replace(b"Sid=", b"Sid=X")
    body = body.replace(b"message", b"massage").replace(b"contact", b"company")
    body = body.replace(b"bt_payload=", b"bt_payload=AAAA").replace(b"line one", b"line 1")
    assert body != delivery.body

    with refused:
        believed(case, replace(delivery, body=body))


@every
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.95])
def test_a_part_of_the_signature_is_refused(case: Case, kept: float) -> None:
    """Also none of it."""
    delivery = case.made()
    text = signature_of(case, delivery)

    with refused:
        believed(case, with_signature(case, delivery, text[: int(len(text) * kept)]))


@every
def test_a_missing_signature_is_refused(case: Case) -> None:
    """Not only an empty one."""
    delivery = replace(case.made(), headers={})
    if ":" in case.signature:
        delivery = replace(delivery, body=delivery.body.replace(b"ignature", b"ignatur"))

    with refused:
        believed(case, delivery)


@every
def test_odd_letters_are_refused(case: Case) -> None:
    """A header may hold any bytes."""
    delivery = case.made()
    text = signature_of(case, delivery)

    for odd in ("é" * 20, "\udcff" * 20, "\x00", f"{text}é"):
        with refused:
            believed(case, with_signature(case, delivery, odd))


@every
def test_another_algorithm_is_refused(case: Case) -> None:
    """Though it is made with the right key."""
    with refused:
        believed(case, case.made(digest="wrong"))


@timed
@pytest.mark.parametrize("way", [-1, 1], ids=["old", "early"])
def test_another_time_is_refused(case: Case, way: int) -> None:
    """However well it is signed: both ways, just over the tolerance."""
    tolerance_s = case.webhook.tolerance_s
    inside = case.made(NOW + way * timedelta(seconds=tolerance_s - 1))
    outside = case.made(NOW + way * timedelta(seconds=tolerance_s + 2))

    assert believed(case, inside) == 0
    with refused:
        believed(case, outside)


@every
def test_other_bytes_of_the_same_meaning(case: Case) -> None:
    """They are refused, except where the vendor signs the fields and not the bytes."""
    delivery = reencoded(case.made())
    assert delivery.body != case.made().body

    if case.signs_bytes:
        with refused:
            believed(case, delivery)
    else:
        assert believed(case, delivery) == 0


@pytest.mark.parametrize("case", REPEATABLE, ids=lambda case: case.name)
def test_two_signatures_in_two_places_are_refused(case: Case) -> None:
    """Even if both are right: somebody before us may have looked at another one."""
    with refused:
        believed(case, twice(case, case.made()))


@every
def test_the_secret_of_another_tenant_is_refused(case: Case) -> None:
    """It signs well, but not for us."""
    with refused:
        believed(case, case.made(), secrets=[case.other_secret])


@every
@pytest.mark.parametrize("secrets", [(), ("",), ("whsec_",), ("whpk_",), ("  ",)], ids=repr)
def test_no_secret_believes_nobody(case: Case, secrets: tuple[str, ...]) -> None:
    """An empty key is one that everybody has."""
    with refused:
        believed(case, case.made(), secrets=secrets)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.secret == case.theirs], ids=lambda case: case.name
)
@pytest.mark.parametrize("empty", ["", "whsec_"])
def test_who_signs_with_nothing_is_refused(case: Case, empty: str) -> None:
    """Also by whoever has forgotten to fill in his secret."""
    with refused:
        believed(case, case.sign("", NOW, "right"), secrets=[empty.removeprefix("whsec_")])
    if "whsec_" in case.secret:
        with refused:
            believed(case, case.sign(empty, NOW, "right"), secrets=[empty])
