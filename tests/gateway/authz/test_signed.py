"""Signed requests at the authorizer."""

import hmac
from base64 import b64encode
from dataclasses import dataclass, field

import pytest

from intertie.gateway.authz.authorizer import Authorizer
from intertie.gateway.authz.journal import Journal
from intertie.gateway.authz.question import Question
from intertie.gateway.authz.signed import Signatures
from intertie.identity.principal import Principal
from intertie.identity.signatures import Message, SigningKey, content_digest, signature_base
from intertie.limits.memory import MemoryCounters
from tests.gateway.authz.asking import question, settings, status
from tests.gateway.authz.people import ROBOT, People

pytestmark = pytest.mark.anyio
NOW = 1_800_000_000
KEY = SigningKey("3f9a", "hmac-sha256", b"s" * 32)
ROUTES = {"shop": {"auth": ["signature"]}}


@dataclass
class Signers:
    """One key in memory."""

    barred: dict[str, str] = field(default_factory=dict[str, str])

    def signing_key(self, key: str) -> SigningKey | None:
        """See Signers."""
        return {KEY.id: KEY}.get(key)

    def signer(self, key: str, address: str) -> Principal | str:
        """See Signers."""
        return self.barred.get(key, ROBOT)


def _authorizer(signers: Signers | None, **given: object) -> Authorizer:
    signatures = Signatures(signers, now_s=lambda: NOW) if signers else None
    return Authorizer(
        settings(routes=ROUTES, **given),
        sources=People(),
        counters=MemoryCounters(),
        journal=Journal(lambda line: None),
        signatures=signatures,
    )


def _signed(nonce: str = "n1", *, method: str = "GET", body: bytes = b"") -> Question:
    names = ["@method", "@target-uri", "content-digest"]
    told = " ".join(f'"{each}"' for each in names)
    parameters = f'({told});created={NOW};keyid="{KEY.id}";nonce="{nonce}"'
    digest = b64encode(content_digest(body)).decode()
    headers = {"host": "shop.example", "content-digest": f"sha-256=:{digest}:"}
    base = signature_base(Message(method, "shop.example", "/orders", headers), names, parameters)
    code = b64encode(hmac.digest(KEY.material, base, "sha256")).decode()
    asked = question("shop", "/orders", method=method)
    shown = {"signature-input": f"a={parameters}", "signature": f"a=:{code}:"}
    return _with(asked, {**headers, **shown})._replace(body=body)


def _with(asked: Question, more: dict[str, str]) -> Question:
    """With these beside its own."""
    return asked._replace(headers={**asked.headers, **more})


async def test_a_signed_request_is_from_the_owner_of_its_key() -> None:
    """It is never decided before the wait, where it would be decided twice."""
    asked = _signed()
    authorizer = _authorizer(Signers())

    assert authorizer.quick(asked) is None
    answer = await authorizer.check(asked)
    assert status(answer) == 200
    assert f"x-client-id: {ROBOT.client}".encode() in answer


async def test_a_signature_is_good_once() -> None:
    """The next one needs another nonce."""
    authorizer = _authorizer(Signers(), limits={"counters": "local"})

    answers = [await authorizer.check(_signed(each)) for each in ("n1", "n1", "n2")]

    assert [status(each) for each in answers] == [200, 401, 200]
    assert b"signature_replayed" in answers[1]
    assert b'www-authenticate: Signature realm="gateway"' in answers[1]


async def test_another_body_or_path_is_refused() -> None:
    """With the reason, and without letting anything through."""
    asked = _signed(method="POST", body=b"{}")
    authorizer = _authorizer(Signers())

    assert b"signature_digest" in await authorizer.check(asked._replace(body=b"[]"))
    assert b"signature_wrong" in await authorizer.check(asked._replace(target="/admin"))
    assert status(await authorizer.check(asked)) == 200


async def test_a_key_that_may_not_be_used_signs_nothing() -> None:
    """Revoked, expired, or from elsewhere."""
    answer = await _authorizer(Signers({KEY.id: "revoked"})).check(_signed())

    assert status(answer) == 401
    assert b"signature_key_revoked" in answer


async def test_without_known_keys_no_signature_is_good() -> None:
    """And a request that shows none is told how to."""
    authorizer = _authorizer(None)

    assert b"signature_unknown_key" in await authorizer.check(_signed())
    refused = authorizer.quick(question("shop"))
    assert status(refused) == 401
    assert b"RFC 9421" in (refused or b"")
