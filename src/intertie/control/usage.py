"""Asks the process beside Envoy how much of its limits a client has used."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from intertie.drivers import unix
from intertie.errors import ConflictError, GatewayError, IntertieError

SOCKET = "authz.sock"
_NO_CLIENT = "service:-"
"""Nobody: what is left are the limits of its tenant."""
_OF_TENANT = "tenant-"


@dataclass(frozen=True, slots=True)
class Used:
    """How much of one limit is used."""

    policy: str
    route: str
    """`*` is all routes without a rate of their own."""
    limit: int
    window_s: int
    used: int
    remaining: int
    reset_s: int


class _Answer(BaseModel):
    policies: list[dict[str, object]]


async def ask(envoy: Path, tenant: str, client: str | None) -> Sequence[Used]:
    """Of one client of a tenant, or of the tenant. Raises GatewayError, ConflictError."""
    if not (envoy / SOCKET).is_socket():
        raise ConflictError("cannot tell what is used: nothing counts it, for no door runs")
    query = {"tenant": tenant, "client": client or _NO_CLIENT}
    try:
        answer = await unix.ask(envoy / SOCKET, "/usage", query=query)
    except OSError as exc:
        raise GatewayError(
            "cannot tell what is used: the door does not answer; see `intertie ps`"
        ) from exc
    if answer.status == HTTPStatus.BAD_REQUEST:
        raise IntertieError(
            "cannot tell what is used: expected a client such as user:ada or key:3f9a"
        )
    return [each for each in _read(answer) if client or each.policy.startswith(_OF_TENANT)]


def _read(answer: unix.Answer) -> Sequence[Used]:
    try:
        if not answer.is_good:
            raise GatewayError(f"cannot tell what is used: the door answered {answer.status}")
        told = _Answer.model_validate_json(answer.content).policies
        return TypeAdapter(list[Used]).validate_python(told)
    except ValidationError as exc:
        raise GatewayError("cannot tell what is used: the door's answer is not JSON") from exc
