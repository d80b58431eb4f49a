"""Amazon Web Services: storage, queues, topics and functions by name, all others by `call`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal
from uuid import uuid4

from anyio import to_thread
from pydantic import ConfigDict, Field, JsonValue, SecretStr, model_validator
from pydantic.alias_generators import to_pascal

from intertie.integrations import connector
from intertie.integrations.call import Tools
from intertie.integrations.cloud.aws_clients import Client, Clients, Identity, Place, clients_of
from intertie.integrations.cloud.aws_errors import ERRORS, failed, refused
from intertie.integrations.config import IntegrationConfig
from intertie.integrations.data import Cursor, Key, Probe
from intertie.integrations.errors import InvalidError, SchemaDriftError, VendorDownError
from intertie.integrations.message import Response
from intertie.integrations.operation import Answer, Arguments, Empty, Nothing, Operation
from intertie.integrations.sdk import SdkIntegration, Told, asks
from intertie.integrations.webhooks import At, Sns, SubscriptionConfirmation, Webhook
from intertie.suite.values import DEFAULT_TENANT

_READS = ("get_", "list_", "describe_", "head_")
_MAX_ANSWER = 32 << 20
_MAX_URL_S = 7 * 86_400
_GENERIC = 2048


class Settings(connector.Settings):
    """A region, and the keys of a user or role; or a profile of this machine's."""

    region: Annotated[str, Field(pattern=r"^[a-z]{2,12}(-[a-z0-9]{1,12}){1,4}$")]
    """Where its services are, such as `us-east-1`."""
    access_key_id: str | None = None
    """Of the key."""
    secret_access_key: SecretStr | None = None
    """Of the key."""
    session_token: SecretStr | None = None
    """Of a key that ends."""
    profile: str | None = None
    """In place of a key: a profile of this machine's AWS configuration."""
    services: tuple[str, ...] = ()
    """Those that may be called; empty for all."""
    endpoint_url: Annotated[str, Field(pattern=r"^https?://[^/?#@\s]+/?$")] | None = None
    """Another address than AWS's own."""
    topic_arn: tuple[str, ...] = ()
    """Topics of SNS whose deliveries are believed."""

    @model_validator(mode="after")
    def _someone(self) -> "Settings":
        key = bool(self.access_key_id and self.secret_access_key)
        if key == bool(self.profile):
            raise ValueError("give `access_key_id` and `secret_access_key`, or `profile`")
        return self


class Named(Arguments):
    """Arguments by AWS's names."""

    model_config = ConfigDict(alias_generator=to_pascal, populate_by_name=True)


class Said(Answer):
    """Answers by AWS's names."""

    model_config = ConfigDict(alias_generator=to_pascal, populate_by_name=True)


class Anything(Arguments):
    """Arguments that botocore checks."""

    model_config = ConfigDict(extra="allow")


class Caller(Said):
    """Who we are to AWS."""

    account: str
    arn: str
    user_id: str


class PutObject(Named):
    """What is stored, and where."""

    bucket: str
    object_key: str = Field(alias="Key")
    body: bytes = Field(default=b"", repr=False)
    content_type: str | None = None
    cache_control: str | None = None
    metadata: dict[str, str] | None = None


class Stored(Said):
    """What was stored."""

    e_tag: str
    version_id: str | None = None


class WhichObject(Named):
    """Which object."""

    bucket: str
    object_key: str = Field(alias="Key")
    version_id: str | None = None


class ReadObject(WhichObject):
    """Which object, or which part of it."""

    range: str | None = None
    """As in HTTP: `bytes=0-99`."""


class Object(Said):
    """An object, whole."""

    body: bytes = Field(repr=False)
    content_type: str = ""
    e_tag: str = ""
    last_modified: datetime | None = None
    metadata: dict[str, str] = {}


class ListObjects(Named):
    """Which objects."""

    bucket: str
    prefix: str | None = None
    delimiter: str | None = None
    max_keys: int = Field(default=1000, ge=1, le=1000)
    """Of one page."""
    continuation_token: str | None = None


class Listed(Said):
    """An object, without what is in it."""

    object_key: str = Field(alias="Key")
    size: int
    e_tag: str = ""
    last_modified: datetime | None = None


class ObjectPage(Said):
    """Some objects."""

    contents: list[Listed] = []
    next_continuation_token: str | None = None


class Gone(Said):
    """What became of it."""

    delete_marker: bool = False
    version_id: str | None = None


class SendMessage(Named):
    """A message, and its queue."""

    queue_url: str
    message_body: str = Field(min_length=1, repr=False)
    delay_seconds: int | None = Field(default=None, ge=0, le=900)
    message_attributes: dict[str, dict[str, JsonValue]] | None = None


class SendFifoMessage(Named):
    """A message of an ordered queue; messages of one group keep their order."""

    queue_url: str
    message_body: str = Field(min_length=1, repr=False)
    message_group_id: str
    message_deduplication_id: str | None = None


class Sent(Said):
    """What a message is known by."""

    message_id: str


class Receive(Named):
    """How many messages, and how long to wait for the first."""

    queue_url: str
    max_number_of_messages: int = Field(default=10, ge=1, le=10)
    wait_time_seconds: int = Field(default=0, ge=0, le=20)
    visibility_timeout: int | None = Field(default=None, ge=0, le=43_200)


class Message(Said):
    """One message; nobody else gets it until its time is over."""

    message_id: str
    receipt_handle: str = Field(repr=False)
    body: str = Field(repr=False)


class Received(Said):
    """Some messages."""

    messages: list[Message] = []


class WhichMessage(Named):
    """One that was received."""

    queue_url: str
    receipt_handle: str = Field(repr=False)


class Publish(Named):
    """What is told, and whom: all of a topic, an endpoint, or a phone."""

    message: str = Field(min_length=1, repr=False)
    topic_arn: str | None = None
    target_arn: str | None = None
    phone_number: str | None = Field(default=None, repr=False)
    subject: str | None = None


class Invoke(Named):
    """A function, and what it is told."""

    function_name: str
    payload: bytes = Field(default=b"", repr=False)
    invocation_type: Literal["RequestResponse", "Event", "DryRun"] = "RequestResponse"
    qualifier: str | None = None


class Returned(Said):
    """What a function answered."""

    status_code: int
    payload: bytes = Field(default=b"", repr=False)
    function_error: str | None = None
    """Set when it failed; why is in `payload`."""


class ListFunctions(Named):
    """How many functions a page has."""

    max_items: int = Field(default=50, ge=1, le=50)
    marker: str | None = None


class Function(Said):
    """One function."""

    function_name: str
    function_arn: str
    runtime: str | None = None
    memory_size: int = 0
    timeout: int = 0


class FunctionPage(Said):
    """Some functions."""

    functions: list[Function] = []
    next_marker: str | None = None


class AWSIntegration(SdkIntegration):
    """Amazon Web Services."""

    kind = "aws"
    docs = "https://docs.aws.amazon.com"
    stability = "beta"
    owner = "cloud"
    settings_type = Settings
    webhook = Webhook(
        Sns(),
        secret="topic_arn",  # noqa: S106 - the name of a setting
        id=(At("MessageId"),),
        type=(At("Type"),),
        challenge=SubscriptionConfirmation(),
        tolerance_s=3600.0,  # a message that is tried again keeps its first time
    )
    errors = ERRORS
    probe = Probe("get_caller_identity")

    get_caller_identity = asks("sts.get_caller_identity", Nothing, Caller)
    put_object = asks("s3.put_object", PutObject, Stored, effect="write", method="PUT")
    get_object = asks("s3.get_object", ReadObject, Object)
    list_objects = asks(
        "s3.list_objects_v2",
        ListObjects,
        ObjectPage,
        pages=Cursor("contents", "next_continuation_token", "continuation_token"),
    )
    delete_object = asks("s3.delete_object", WhichObject, Gone, effect="write", method="DELETE")
    send_message = asks("sqs.send_message", SendMessage, Sent, effect="message")
    send_fifo_message = asks(
        "sqs.send_message",
        SendFifoMessage,
        Sent,
        effect="message",
        key=Key(argument="message_deduplication_id"),
    )
    receive_messages = asks("sqs.receive_message", Receive, Received)
    """What is lost on its way comes again when its time is over."""
    delete_message = asks(
        "sqs.delete_message", WhichMessage, Empty, effect="write", method="DELETE"
    )
    publish = asks("sns.publish", Publish, Sent, effect="message")
    invoke_function = asks("lambda.invoke", Invoke, Returned, effect="write")
    list_functions = asks(
        "lambda.list_functions",
        ListFunctions,
        FunctionPage,
        pages=Cursor("functions", "next_marker", "marker"),
    )

    def __init__(
        self,
        config: IntegrationConfig,
        tenant: str = DEFAULT_TENANT,
        *,
        tools: Tools | None = None,
    ) -> None:
        """Raises InvalidError for settings that cannot be used."""
        super().__init__(config, tenant, tools=tools)
        of = self.optional_secret
        self._region, self._endpoint = of("region"), of("endpoint_url") or None
        self._services: Sequence[str] = getattr(self.settings, "services", ())
        self.base_url = self._endpoint or self._region
        self._identity = Identity(
            access_key_id=of("access_key_id"),
            secret_access_key=of("secret_access_key"),
            session_token=of("session_token"),
            profile=of("profile"),
        )

    async def initialize(self) -> bool:
        """Whether all its services are known, and AWS knows who asks."""
        clients = self._clients()
        for each in self._services:
            await to_thread.run_sync(clients.service, each, limiter=self.tools.threads)
        return await super().initialize()

    async def call(self, service: str, operation: str, /, **arguments: Any) -> dict[str, Any]:
        """Any operation of any service that botocore knows; the answer by AWS's own names.

        What begins with `get_`, `list_`, `describe_` or `head_` reads, all else writes: it is not
        tried twice unless AWS has a key for it, or it puts or deletes by HTTP.
        Raises IntegrationError.
        """
        self._check_allowed(service)
        clients = self._clients()
        known = clients.known(service)
        if known is None:
            known = await to_thread.run_sync(clients.service, service, limiter=self.tools.threads)
        model = known.operation(operation)
        tokens: Sequence[str] = model.idempotent_members
        for token in tokens:
            arguments.setdefault(token, str(uuid4()))
        wanted = _generic(f"{service}.{operation}", model.http["method"], *tokens[:1])
        return await self.invoke(wanted, None, arguments)

    async def presign(
        self,
        bucket: str,
        object_key: str,
        *,
        method: Literal["get_object", "put_object"] = "get_object",
        expires_s: int = 3600,
    ) -> str:
        """An address by which whoever has it reads or stores one object. AWS is not asked.

        Raises InvalidError.
        """
        if not 0 < expires_s <= _MAX_URL_S:
            raise InvalidError(f"cannot presign {bucket}: `expires_s` is 1 to {_MAX_URL_S}")
        self._check_allowed("s3")

        def made() -> str:
            client = self._client("s3", self.config.timeout)
            told = {"Bucket": bucket, "Key": object_key}
            return str(client.generate_presigned_url(method, Params=told, ExpiresIn=expires_s))

        try:
            return await to_thread.run_sync(made, limiter=self.tools.threads)
        except _errors().BotoCoreError as exc:
            raise failed(exc, f"presign for {self.label}") from None

    async def check(self, operation: Operation[Any, Any], told: Told) -> None:
        """See SdkIntegration."""
        service, _, name = operation.path.partition(".")
        if operation.name != self.probe.operation:
            self._check_allowed(service)
        clients = self._clients()
        known = clients.known(service)
        if known is None:
            known = await to_thread.run_sync(clients.service, service, limiter=self.tools.threads)
        model = known.operation(name)
        if model.has_event_stream_output or model.has_event_stream_input:
            raise InvalidError(f"cannot {operation.name} with {self.label}: it is a stream")
        _validate(model, told, f"{operation.name} with {self.label}")

    def perform(self, operation: Operation[Any, Any], told: Told, timeout_s: float) -> Response:
        """See SdkIntegration."""
        service, _, name = operation.path.partition(".")
        errors = _errors()
        what = f"{operation.name} with {self.label}"
        try:
            answer = getattr(self._client(service, timeout_s), name)(**told)
            meta = answer.pop("ResponseMetadata", {})
            whole = {key: _whole(value, what) for key, value in answer.items()}
            _check_origin(meta, what)
        except errors.ClientError as exc:
            return refused(exc.response)
        # botocore's parsers stumble in several ways over what is no answer of AWS.
        except (errors.BotoCoreError, _parser_error(), LookupError, TypeError, ValueError) as exc:
            raise failed(exc, what) from None
        return Response(meta.get("HTTPStatusCode", 200), meta.get("HTTPHeaders", {}), told=whole)

    def _clients(self) -> Clients:
        return clients_of(self.tools)

    def _client(self, service: str, timeout_s: float) -> Client:
        place = Place(self._region, self._endpoint, timeout_s)
        return self._clients().client(service, self._identity, place)

    def _check_allowed(self, service: str) -> None:
        if self._services and service not in self._services:
            raise InvalidError(
                f"cannot call {service[:80]} with {self.label}: its `services` are"
                f" {', '.join(self._services)}"
            )


@lru_cache(_GENERIC)
def _generic(path: str, method: str, token: str = "") -> Operation[Anything, dict[str, Any]]:
    name = path.partition(".")[2]
    return Operation(
        method,
        path,
        Anything,
        dict[str, Any],
        effect="read" if name.startswith(_READS) else "write",
        key=Key(argument=token) if token else None,
        name=path,
    )


def _validate(model: Any, told: Mapping[str, Any], what: str) -> None:
    from botocore.validate import ParamValidator

    if model.input_shape is not None:
        report = ParamValidator().validate(told, model.input_shape)
        if report.has_errors():
            faults = _faults(report)
            text = "; ".join(f"{name}: {why}" for name, why in faults.items())
            raise InvalidError(f"cannot {what}: {text}", fields=faults)
    elif told:
        raise InvalidError(f"cannot {what}: it takes no arguments")


def _faults(report: Any) -> dict[str, str]:
    """By parameter. botocore's own text shows the values, and one may be a password."""
    told: list[tuple[str, str, dict[str, Any]]] = report._errors
    found: dict[str, str] = {}
    for why, name, more in told:
        inner = more.get("required_name") or more.get("unknown_param")
        found[".".join(filter(None, (name.lstrip("."), inner))) or "arguments"] = why
    return found


def _check_origin(meta: Mapping[str, Any], what: str) -> None:
    """For some services botocore reads the page of a proxy as an answer with nothing in it."""
    kind = meta.get("HTTPHeaders", {}).get("content-type", "")
    if kind.startswith("text/html") and not meta.get("RequestId"):
        raise SchemaDriftError(f"cannot {what}: a page came in place of an answer of AWS")


def _whole(value: Any, what: str) -> Any:
    """What comes in a stream is read, up to a size; it is closed either way."""
    if not hasattr(value, "read"):
        return value
    try:
        body = value.read(_MAX_ANSWER + 1)
    finally:
        value.close()
    if len(body) > _MAX_ANSWER:
        raise VendorDownError(f"cannot {what}: the answer is over {_MAX_ANSWER >> 20} MiB")
    return body


def _errors() -> Any:
    from botocore import exceptions

    return exceptions


def _parser_error() -> type[Exception]:
    from botocore.parsers import ResponseParserError

    found: type[Exception] = ResponseParserError
    return found
