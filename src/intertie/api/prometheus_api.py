"""Samples as Prometheus' own HTTP API tells them, for Grafana and whatever else reads that.

Paths, parameters and answers are those of prometheus.io/docs/prometheus/latest/querying/api, which
describes them; our own description leaves them out.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version
from time import time
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from intertie.api.access import OwnReader, Use
from intertie.api.identity_route import IdentityRoute
from intertie.api.problem import of as problem_of
from intertie.errors import IntertieError
from intertie.suite.values import parse_duration

router = APIRouter(
    prefix="/api/v1", tags=["prometheus"], route_class=IdentityRoute, include_in_schema=False
)

_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_MOST_FIELDS = 200
_ERRORS = {
    HTTPStatus.UNPROCESSABLE_ENTITY: (HTTPStatus.BAD_REQUEST, "bad_data"),
    HTTPStatus.NOT_FOUND: (HTTPStatus.NOT_FOUND, "not_found"),
}
Answer = dict[str, Any]  # Any: JSON whose shape another project defined


@router.api_route("/query", methods=["GET", "POST"])
async def query(request: Request, control: Use, actor: OwnReader) -> JSONResponse:
    """One moment."""
    fields = await _fields(request)
    now_ms = round(time() * 1000)
    try:
        at_ms = moment(fields.get("time"), now_ms)
        found = await control.monitoring.instant(actor, _text(fields), at_ms)
    except IntertieError as exc:
        return _refused(exc)
    return _good(found)


@router.api_route("/query_range", methods=["GET", "POST"])
async def query_range(request: Request, control: Use, actor: OwnReader) -> JSONResponse:
    """Many moments, a step apart."""
    fields = await _fields(request)
    now_ms = round(time() * 1000)
    try:
        start_ms, end_ms = (moment(fields.get(each), now_ms) for each in ("start", "end"))
        step_ms = step(fields.get("step", ""))
        found = await control.monitoring.range(
            actor, _text(fields), start_ms, end_ms, step_ms=step_ms
        )
    except IntertieError as exc:
        return _refused(exc)
    return _good(found)


@router.api_route("/query_exemplars", methods=["GET", "POST"])
async def query_exemplars(request: Request, control: Use, actor: OwnReader) -> JSONResponse:
    """Traced requests among what was counted; only the newest of each series is kept."""
    fields = await _fields(request)
    now_ms = round(time() * 1000)
    try:
        start_ms, end_ms = moment(fields.get("start"), 0), moment(fields.get("end"), now_ms)
        return _good(control.monitoring.exemplars(actor, _text(fields), start_ms, end_ms))
    except IntertieError as exc:
        return _refused(exc)


@router.api_route("/series", methods=["GET", "POST"])
async def series(request: Request, control: Use, actor: OwnReader) -> JSONResponse:
    """Names and labels of what there is."""
    found = await _lists(request)
    try:
        return _good(await control.monitoring.series(actor, found.get("match[]", ())))
    except IntertieError as exc:
        return _refused(exc)


@router.api_route("/labels", methods=["GET", "POST"])
async def labels(control: Use, actor: OwnReader) -> JSONResponse:
    """Which labels there are."""
    try:
        return _good(await control.monitoring.label_names(actor))
    except IntertieError as exc:
        return _refused(exc)


@router.get("/label/{name}/values")
async def label_values(name: str, control: Use, actor: OwnReader) -> JSONResponse:
    """Which values one has."""
    try:
        return _good(await control.monitoring.label_values(actor, name))
    except IntertieError as exc:
        return _refused(exc)


@router.get("/rules")
async def rules(control: Use, actor: OwnReader) -> JSONResponse:
    """What is alarming, and whether it is so."""
    try:
        return _good(control.monitoring.rules_as_prometheus(actor))
    except IntertieError as exc:
        return _refused(exc)


@router.get("/alerts")
async def alerts(control: Use, actor: OwnReader) -> JSONResponse:
    """What is so."""
    try:
        return _good({"alerts": control.monitoring.alerts_as_prometheus(actor)})
    except IntertieError as exc:
        return _refused(exc)


@router.get("/metadata")
async def metadata(_: OwnReader) -> JSONResponse:
    """None is kept."""
    return _good({})


@router.get("/status/buildinfo")
async def build(_: OwnReader) -> JSONResponse:
    """Which version of the language this is: readers ask before anything else."""
    return _good({"version": "3.0.0", "revision": version("intertie"), "branch": "intertie"})


def moment(text: str | None, otherwise_ms: int) -> int:
    """Milliseconds of Unix seconds or an RFC 3339 date. Raises IntertieError."""
    if not text:
        return otherwise_ms
    if _NUMBER.fullmatch(text):
        return round(float(text) * 1000)
    try:
        found = datetime.fromisoformat(text)
        return round(found.replace(tzinfo=found.tzinfo or UTC).timestamp() * 1000)
    except (ValueError, OverflowError) as exc:
        why = "expected Unix seconds or a date such as 2026-01-31T12:00:00Z"
        raise IntertieError(f"cannot use the time {text[:80]!r}: {why}") from exc


def step(text: str) -> int:
    """Milliseconds of seconds or a duration such as 5m. Raises IntertieError."""
    try:
        found = round(parse_duration(text) * 1000)
    except ValueError as exc:
        raise IntertieError(f"cannot use the step {text[:80]!r}: {exc}") from exc
    if found < 1:
        raise IntertieError("cannot use this step: it must be 1ms or longer")
    return found


async def _fields(request: Request) -> Mapping[str, str]:
    return {name: values[-1] for name, values in (await _lists(request)).items()}


async def _lists(request: Request) -> Mapping[str, Sequence[str]]:
    """Of the address, or of a form: readers with long queries send those."""
    text = request.url.query
    if request.method == "POST":
        text += "&" + (await request.body()).decode(errors="replace")
    try:
        return parse_qs(text, max_num_fields=_MOST_FIELDS)
    except ValueError as exc:
        raise IntertieError(f"cannot read the request: more than {_MOST_FIELDS} fields") from exc


def _text(fields: Mapping[str, str]) -> str:
    text = fields.get("query", "")
    if not text:
        raise IntertieError("cannot query: the parameter `query` is missing")
    return text


def _good(data: object) -> JSONResponse:
    return JSONResponse({"status": "success", "data": data})


def _refused(exc: IntertieError) -> JSONResponse:
    status = HTTPStatus(problem_of(exc).status)
    code, kind = _ERRORS.get(status, (status, "execution"))
    return JSONResponse({"status": "error", "errorType": kind, "error": str(exc)}, code)
