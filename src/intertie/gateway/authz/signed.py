"""Who sends a request that is signed."""

from collections.abc import Callable
from time import time
from typing import Protocol

from intertie.gateway.authz.answer import Refusal
from intertie.gateway.authz.question import Question
from intertie.identity.principal import Principal
from intertie.identity.signatures import (
    DIGEST_FIELD,
    INPUT_FIELD,
    SIGNATURE_FIELD,
    Fault,
    Message,
    Replays,
    SignaturePolicy,
    SigningKey,
    verify,
)

SCHEME_HEADER = "x-forwarded-proto"
ASKED = (INPUT_FIELD, SIGNATURE_FIELD, DIGEST_FIELD, SCHEME_HEADER)
"""Headers of a signed request that the authorizer needs; those that are signed, beside them."""
_CHALLENGE = {"www-authenticate": 'Signature realm="gateway"'}


class Signers(Protocol):
    """The keys that requests are signed with."""

    def signing_key(self, key: str) -> SigningKey | None:
        """The key with this id, however it stands."""
        ...

    def signer(self, key: str, address: str) -> Principal | str:
        """Whose key it is, or a word that says why it may not be used now, or from there."""
        ...


class Signatures:
    """Each signature is good once, in this process."""

    def __init__(
        self,
        signers: Signers,
        *,
        policy: SignaturePolicy | None = None,
        now_s: Callable[[], float] = time,
    ) -> None:
        self._signers = signers
        self._policy = policy or SignaturePolicy()
        self._now_s = now_s
        self._replays = Replays(keep_s=2.0 * self._policy.skew_s)

    def who(self, question: Question) -> Principal | Refusal:
        """Whose signature this is; asked twice, it is a replay."""
        headers, now_s = question.headers, self._now_s()
        message = Message(
            question.method,
            headers.get("host", ""),
            question.target,
            headers,
            question.body,
            headers.get(SCHEME_HEADER, "https"),
        )
        proof = verify(message, self._signers.signing_key, now_s=now_s, policy=self._policy)
        if isinstance(proof, Fault):
            return _refused(proof.reason, proof.detail)
        found = self._signers.signer(proof.key, question.address)
        if isinstance(found, str):
            return _refused(f"key_{found}", found.replace("_", " "))
        if not self._replays.is_new(proof, now_s):
            return _refused("replayed", "its nonce was used before")
        return found


def _refused(reason: str, detail: str) -> Refusal:
    return Refusal(
        401,
        f"signature_{reason}",
        f"cannot use this signature: {detail}",
        "signature",
        _CHALLENGE,
    )
