"""IntegrationContract: what every connector by REST promises, tried without its vendor.

    class TestSpotify(IntegrationContract):
        integration = SpotifyIntegration
        config = {"client_id": "id-of-app", "client_secret": "secret-of-app"}
        example = {"search": {"q": "a"}, "add_items": {"playlist_id": "p", "uris": ["u"]}}
        answers = {"search": {"tracks": {"items": [], "total": 0}}}

`FaultLab`, which does to any connector what networks do, is in `integration_faults`.
"""

import json
import logging
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr, ValidationError

from intertie.integrations.call import Call, Observer, Tools
from intertie.integrations.config import IntegrationConfig, IntegrationStatus
from intertie.integrations.connector import Connector
from intertie.integrations.credentials import OAuth2
from intertie.integrations.errors import (
    AbsentError,
    AuthExpiredError,
    EgressError,
    IntegrationError,
    InvalidError,
    LoopError,
    QuotaSpentError,
    ScopeMissingError,
    ThrottledError,
    VendorDownError,
    VendorTimeoutError,
)
from intertie.integrations.message import Request, Response
from intertie.integrations.operation import Operation
from intertie.integrations.pages import MAX_PAGES, Turning
from intertie.integrations.registry import IntegrationRegistry
from intertie.integrations.rest import RestIntegration
from intertie.testing.integration_faults import FaultLab, repeated

__all__ = ["FaultLab", "IntegrationContract", "repeated"]

TREE: Mapping[int, tuple[type[IntegrationError], ...]] = {
    302: (InvalidError,),
    401: (AuthExpiredError,),
    403: (ScopeMissingError, AuthExpiredError, ThrottledError, InvalidError),
    404: (AbsentError,),
    429: (ThrottledError, QuotaSpentError),
    500: (VendorDownError,),
    503: (VendorDownError,),
}
"""What a status may become where the answer says no more than that."""
_SECRET = re.compile(r"(secret|password|passwd|token|private_?key|api_?key|auth_?key)$")
_LEAST = 4
_IMPORT = """
import json, sys
import intertie.integrations.registry, intertie.integrations.rest, intertie.integrations.catalog
def refuse(event, args):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.bind"}:
        raise OSError("no network while importing")
sys.addaudithook(refuse)
known = set(sys.modules)
__import__(sys.argv[1])
libraries = {each.partition(".")[0] for each in known} | sys.stdlib_module_names
loaded = set(sys.modules) - known
print(json.dumps([len(loaded), sorted({each.partition(".")[0] for each in loaded} - libraries)]))
"""


@dataclass
class _Vendor:
    """A transport that answers what a test says."""

    answer: Callable[[Request], Response]
    asked: list[Request] = field(default_factory=list[Request])

    async def send(self, request: Request) -> Response:
        """See Transport."""
        self.asked.append(request)
        return self.answer(request)

    async def aclose(self) -> None:
        """See Transport."""


class _Grants:
    """Everybody has given consent to everything."""

    token_shown = "granted-token-0001"

    def held(self, connection: Connector) -> str | None:
        """See Grants."""
        return self.token_shown

    async def token(self, connection: Connector, auth: object) -> str:
        """See Grants."""
        return self.token_shown

    async def refused(self, connection: Connector, token: str) -> None:
        """See Grants."""

    def scopes(self, connection: Connector) -> frozenset[str] | None:
        """See Grants."""
        return None


class _Printing:
    """An observer that prints all that it is shown."""

    def __init__(self) -> None:
        self.printed = ""

    def began(self, call: Call) -> None:
        """See Observer."""

    def ended(self, call: Call, mark: object, took_s: float, fault: Exception | None) -> None:
        """See Observer."""
        self.printed += f"{call.connection!r} {call.request!r} {call.operation!r} {fault!r}"


class IntegrationContract:
    """Inherit, and say which connector it is and how one is configured."""

    pytestmark = pytest.mark.anyio

    integration: ClassVar[type[RestIntegration]]
    config: ClassVar[Mapping[str, Any]] = {}
    """Settings with which it can be registered; its secrets are made up."""
    example: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Arguments of operations by their names."""
    answers: ClassVar[Mapping[str, Any]] = {}
    """Good answers by the names of operations; `{}` where none is given. JSON, or bytes."""
    shown: ClassVar[frozenset[str]] = frozenset()
    """Settings that are no secrets though their names sound like it."""
    most_modules: ClassVar[int] = 20
    """That an import of the connector loads beside the core's."""

    def vendor(self, status: int = 200, body: bytes | None = None) -> _Vendor:
        """One whose answers are all the same; by default the probe's good one."""
        return _Vendor(lambda request: Response(status, {}, self._good() if body is None else body))

    def made(self, vendor: _Vendor, *observers: Observer) -> RestIntegration:
        """A connection to it, in a registry of its own, that tries everything once."""

        async def at_once(seconds: float) -> None:
            return None

        tools = Tools(vendor, grants=_Grants(), observers=observers, sleep=at_once)
        told = IntegrationConfig(name="main", config=dict(self.config))
        made = IntegrationRegistry(tools).register(self.integration, told, "acme")
        assert isinstance(made, RestIntegration)
        return made

    def examples(self) -> Iterator[tuple[Operation[Any, Any], Mapping[str, Any]]]:
        """Operations that can be called, with their arguments: the probe at least."""
        probe = self.integration.probe
        told = {probe.operation: probe.arguments, **self.example}
        for name, arguments in told.items():
            yield self.integration.operations[name], arguments

    def secrets(self) -> Sequence[str]:
        """All that is told to it and must show nowhere."""
        settings = self.integration.settings_type.model_validate(dict(self.config))
        hidden = [v.get_secret_value() for _, v in settings if isinstance(v, SecretStr)]
        return [each for each in hidden if len(each) >= _LEAST]

    def test_it_says_what_it_is(self) -> None:
        """Kind, owner, a link to the vendor's description, and a sentence."""
        cls = self.integration

        assert re.fullmatch(r"[a-z][a-z0-9_-]*", cls.kind)
        assert cls.owner
        assert cls.docs.startswith("https://")
        assert (cls.__doc__ or "").strip() not in {"", (RestIntegration.__doc__ or "").strip()}
        assert cls.stability in {"alpha", "beta", "stable"}
        assert cls.operations

    def test_its_settings_are_read_as_they_were_told(self) -> None:
        """And each is described in the schema that forms are made from."""
        connection = self.made(self.vendor())
        plain = {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in connection.settings
        }

        assert {name: plain[name] for name in self.config} == dict(self.config)
        schema = self.integration.settings_type.model_json_schema()["properties"]
        assert not [name for name, each in schema.items() if not each.get("description")]

    def test_settings_that_it_does_not_know_are_refused(self) -> None:
        """By their names, and without what else was told."""
        told = {**self.config, "no_such_setting": "x"}
        with pytest.raises(InvalidError, match="no_such_setting") as caught:
            self.integration(IntegrationConfig(name="main", config=told))

        self._shows_no_secret(f"{caught.value}{caught.value.__cause__}")

    def test_its_secrets_are_of_a_type_that_hides_them(self) -> None:
        """Whatever is called a secret, a token, a password or a key."""
        told = self.integration.settings_type.model_fields
        named = {name for name in told if _SECRET.search(name)} - self.shown

        assert not {name for name in named if "SecretStr" not in str(told[name].annotation)}

    async def test_its_secrets_show_nowhere(self, caplog: pytest.LogCaptureFixture) -> None:
        """In no text, no log, no error and no health, though the vendor says them back."""
        caplog.set_level(logging.DEBUG)
        secrets = self.secrets()
        if isinstance(self.made(self.vendor()).auth, OAuth2):
            secrets = [*secrets, _Grants.token_shown]
        echo = " ".join(secrets)
        body = json.dumps({"message": echo, "error": {"message": echo}, "detail": echo}).encode()
        printing = _Printing()
        for status in (200, 400, 401, 403, 429, 500):
            connection = self.made(self.vendor(status, body), printing)
            for operation, arguments in self.examples():
                try:
                    await connection.invoke(operation, None, arguments)
                except IntegrationError as exc:
                    printing.printed += f"{exc} {exc!r} {exc.__cause__!r} {exc.code}"
            health = await connection.health_check()
            printing.printed += f"{health} {connection.settings!r} {connection.config!r}"
        text = f"{printing.printed} {caplog.text}"
        assert not [each for each in secrets if each in text]

    @pytest.mark.slow
    def test_it_is_loaded_without_a_network_and_without_libraries(self) -> None:
        """In a process of its own: a few modules, none of a vendor's."""
        module = self.integration.__module__
        told = subprocess.run(
            [sys.executable, "-c", _IMPORT, module], capture_output=True, text=True, check=False
        )

        assert told.returncode == 0, told.stderr
        count, libraries = json.loads(told.stdout)
        assert set(libraries) <= {module.partition(".")[0]}
        assert count <= self.most_modules

    def test_all_its_addresses_are_safe(self) -> None:
        """By HTTPS, and named before anything is called."""
        connection = self.made(self.vendor())

        assert connection.origins
        if "base_url" not in self.config:
            assert all(each.startswith("https://") for each in connection.origins)

    async def test_it_talks_to_nobody_else(self) -> None:
        """Wherever an answer leads: nothing is sent there."""
        vendor = self.vendor()
        connection = self.made(vendor)
        operation, arguments = next(self.examples())
        told = operation.arguments.model_validate(dict(arguments))
        step = type(connection).pipeline(connection.tools)
        for there in ("https://elsewhere.invalid/", "http://127.0.0.1/", "file:///etc/passwd"):
            with pytest.raises(EgressError):
                await step(Call(connection, operation, told, url=there))

        assert vendor.asked == []

    async def test_its_examples_are_sent_to_its_own_addresses(self) -> None:
        """By the method that the operation says."""
        vendor = self.vendor()
        connection = self.made(vendor)
        for operation, arguments in self.examples():
            before = len(vendor.asked)
            try:
                await connection.invoke(operation, None, arguments)
            except IntegrationError as exc:
                assert exc.cause in {"drift", "request"}  # noqa: PT017 - or there was none at all
            sent = vendor.asked[before]
            assert sent.method == operation.method
            assert any(sent.url.startswith(each) for each in connection.origins)

    @pytest.mark.parametrize("status", TREE)
    @pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"\xff"])
    async def test_each_refusal_is_one_of_the_tree(self, status: int, body: bytes) -> None:
        """Also where the answer says nothing that can be read."""
        connection = self.made(self.vendor(status, body))
        operation, arguments = next(self.examples())

        with pytest.raises(TREE[status]) as caught:
            await connection.invoke(operation, None, arguments)

        assert caught.value.status == status
        assert "acme/main" in str(caught.value)

    @pytest.mark.parametrize("fault", [VendorTimeoutError, VendorDownError])
    async def test_what_may_have_been_done_is_not_done_twice(
        self, fault: type[VendorDownError]
    ) -> None:
        """A reset or a timeout is tried again only where twice is as once."""
        for operation, arguments in self.examples():
            vendor = _Vendor(lambda request: _raise(fault("cannot reach it")))
            connection = self.made(vendor)
            with pytest.raises(fault):
                await connection.invoke(operation, None, arguments)

            repeats = connection.config.retry_policy.max_attempts
            assert len(vendor.asked) == (repeats if operation.may_repeat else 1), operation.name

    def test_what_its_operations_do_outside_is_said(self) -> None:
        """What changes something says so; money has a key, or is never tried again."""
        for each in self.integration.operations.values():
            changes = each.method in {"PUT", "PATCH", "DELETE"}
            assert not (changes and each.effect == "read"), each.name
            assert each.effect != "money" or each.key or each.never_again, each.name

    def test_its_pages_lead_where_its_answers_have_something(self) -> None:
        """A path that is not there would be an end after the first page."""
        for each in self.integration.operations.values():
            if each.pages is None:
                continue
            told = {f.name: getattr(each.pages, f.name) for f in fields(each.pages)}
            schema = each.adapter.json_schema(by_alias=False)
            for name in ("items", "next", "more", "total", "total_pages"):
                path = told.get(name, "")
                assert _reaches(schema, schema, path.split(".") if path else []), (each.name, path)
            if "parameter" in told:
                assert told["parameter"] in each.arguments.model_fields, each.name

    def test_its_pages_end(self) -> None:
        """A vendor that goes round in circles is asked no more."""
        for each in self.integration.operations.values():
            if each.pages is None:
                continue
            with pytest.raises(LoopError):
                _go_round(each, self.integration.docs)

    def test_its_probe_is_there_and_only_reads(self) -> None:
        """With arguments that the operation takes."""
        probe = self.integration.probe
        operation = self.integration.operations[probe.operation]

        assert operation.effect == "read"
        try:
            operation.arguments.model_validate(dict(probe.arguments))
        except ValidationError as exc:
            pytest.fail(f"the probe's arguments are not good: {exc}")

    async def test_its_probe_is_green_where_all_is_well(self) -> None:
        """And says how long it took, and when."""
        connection = self.made(self.vendor())
        health = await connection.health_check()

        assert health["healthy"], health
        assert {"response_time", "timestamp"} <= set(health)
        assert connection.status is IntegrationStatus.HEALTHY

    @pytest.mark.parametrize(("status", "cause"), [(401, "auth"), (503, "vendor")])
    async def test_its_probe_is_red_with_a_cause_and_a_cure(self, status: int, cause: str) -> None:
        """Dead credentials are another matter than a dead vendor."""
        connection = self.made(self.vendor(status, b""))
        health = await connection.health_check()

        assert not health["healthy"]
        assert health["cause"] == cause
        assert health["cure"]
        assert connection.status is IntegrationStatus.UNHEALTHY

    async def test_closing_is_safe_twice_and_before_use(self) -> None:
        """It holds nothing that can be closed only once."""
        connection = self.made(self.vendor())
        close: Callable[[], Awaitable[None]] = connection.cleanup
        await close()
        await close()

    def _good(self) -> bytes:
        told = self.answers.get(self.integration.probe.operation, {})
        return told if isinstance(told, bytes) else json.dumps(told).encode()

    def _shows_no_secret(self, text: str) -> None:
        assert not [each for each in self.secrets() if each in text]


def _raise(exc: Exception) -> Response:
    raise exc


def _go_round(operation: Operation[Any, Any], url: str) -> None:
    """Turn pages that always say that there is more, and always the same."""
    turning, told = Turning(operation, "acme/main"), operation.arguments.model_construct()
    page, headers = _endless(operation.pages), {"link": '<?page=again>; rel="next"'}
    for _ in range(MAX_PAGES + 1):
        turn = turning.after(page, told, url=f"{url}?page=first", headers=headers)
        assert turn is not None, operation.name
        told = told if isinstance(turn, str) else told.model_copy(update=dict(turn))


def _endless(pages: object) -> dict[str, Any]:
    page: dict[str, Any] = {}
    thing = {getattr(pages, "id", "id"): "1"}
    many = 1 << 60
    said = {"items": [thing], "next": "again", "more": True, "total": many, "total_pages": many}
    for name, value in said.items():
        path = getattr(pages, name, "")
        here = page
        for part in path.split(".")[:-1] if path else ():
            here = here.setdefault(part, {})
        if path:
            here[path.rpartition(".")[2]] = value
    return page


def _reaches(whole: Mapping[str, Any], schema: Any, path: Sequence[str]) -> bool:
    """Whether an answer of this JSON Schema may have something at a path."""
    if not path or schema is True:
        return True
    if not isinstance(schema, Mapping):
        return False
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return _reaches(whole, whole["$defs"][name], path)
    choices = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    if choices:
        return any(_reaches(whole, each, path) for each in choices)
    if schema.get("type") == "array":
        rest = path[1:] if path[0].isdecimal() else path
        return _reaches(whole, schema.get("items", True), rest)
    within = schema.get("properties", {}).get(path[0], schema.get("additionalProperties"))
    is_open = "type" not in schema and "properties" not in schema
    return is_open if within is None else _reaches(whole, within, path[1:])
