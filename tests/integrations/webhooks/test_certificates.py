"""Certificates by address."""

from datetime import timedelta

import pytest

from intertie.integrations.errors import VendorDownError
from intertie.integrations.message import Response
from intertie.integrations.webhooks.certificates import Certificates
from tests.integrations.stage import Played
from tests.integrations.webhooks.cases import CERTIFICATE_URL, NOW, certificate, pem

pytestmark = pytest.mark.anyio


async def test_each_is_fetched_once() -> None:
    """Until it is not good any more; the store of them does not grow for ever."""
    vendor = Played(lambda request: Response(200, {}, pem()))
    certificates = Certificates()

    for _ in range(3):
        assert await certificates.get(CERTIFICATE_URL, vendor, NOW) == certificate()
    assert [each.url for each in vendor.asked] == [CERTIFICATE_URL]

    await certificates.get(CERTIFICATE_URL, vendor, NOW + timedelta(days=31))
    assert len(vendor.asked) == 2
    for number in range(64):
        await certificates.get(f"{CERTIFICATE_URL}{number}", vendor, NOW)
    await certificates.get(CERTIFICATE_URL, vendor, NOW)
    assert len(vendor.asked) == 2 + 64 + 1


@pytest.mark.parametrize(
    "answer",
    [
        Response(404, {}, b""),
        Response(200, {}, b"no certificate"),
        Response(200, {}, b"-" * 65_537),
        Response(301, {"location": "https://evil.example/"}, pem()),
    ],
    ids=["missing", "none", "huge", "elsewhere"],
)
async def test_a_bad_answer_is_not_kept(answer: Response) -> None:
    """The next delivery asks again."""
    answers = [answer, Response(200, {}, pem())]
    vendor = Played(lambda request: answers.pop(0))
    certificates = Certificates()

    with pytest.raises(VendorDownError):
        await certificates.get(CERTIFICATE_URL, vendor, NOW)
    assert await certificates.get(CERTIFICATE_URL, vendor, NOW) == certificate()
