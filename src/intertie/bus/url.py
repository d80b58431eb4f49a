"""A bus's address as one line, as services get it: `redis://:password@127.0.0.1:6379/0?exchange=x`.

It holds the password: never show it.
"""

from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from pydantic import ValidationError

from intertie.errors import BusError
from intertie.suite.bus import QueueConfig, QueueType

_SCHEMES = {
    QueueType.REDIS: "redis",
    QueueType.RABBITMQ: "amqp",
    QueueType.KAFKA: "kafka",
    QueueType.NATS: "nats",
    QueueType.MEMORY: "memory",
}
_TLS = {"rediss": "redis", "amqps": "amqp", "kafkas": "kafka", "tls": "nats"}
_PLAIN = (
    "exchange",
    "mode",
    "max_tries",
    "ca_file",
    "connect_timeout",
    "publish_timeout",
    "retention",
    "max_size",
)


def to_url(config: QueueConfig) -> str:
    """The address that `parse_url` turns into the same configuration."""
    scheme = _SCHEMES[config.queue_type]
    if config.tls:
        scheme = {plain: tls for tls, plain in _TLS.items()}[scheme]
    user = quote(config.username or "", safe="")
    secret = f":{quote(config.password, safe='')}" if config.password is not None else ""
    host, port = config.address
    path = _path(config)
    options = {name: getattr(config, name) for name in _PLAIN if getattr(config, name) is not None}
    login = f"{user}{secret}@" if user or secret else ""
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{login}{host}:{port}{path}?{urlencode(options)}"


def parse_url(url: str) -> QueueConfig:
    """The configuration in an address. Raises BusError, which does not show it."""
    try:
        parts = urlsplit(url)
        scheme = _TLS.get(parts.scheme, parts.scheme)
        kind = next((kind for kind, name in _SCHEMES.items() if name == scheme), None)
        if kind is None:
            known = ", ".join(sorted({*_SCHEMES.values(), *_TLS}))
            raise BusError(f"cannot use a bus at {parts.scheme}://…: known are {known}")
        given: dict[str, object] = {
            name: value for name, value in parse_qsl(parts.query) if name in _PLAIN
        }
        place = unquote(parts.path.removeprefix("/"))
        if kind is QueueType.REDIS and place:
            given["database"] = place
        if kind is QueueType.RABBITMQ and place:
            given["virtual_host"] = place
        return QueueConfig(
            kind,
            host=parts.hostname or "localhost",
            port=parts.port or None,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password is not None else None,
            tls=parts.scheme in _TLS,
            **given,  # type: ignore[arg-type] # checked by the model
        )
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BusError(f"cannot use the bus's address: {where}: {first['msg']}") from exc
    except ValueError as exc:
        raise BusError("cannot use the bus's address: it is not a URL") from exc


def _path(config: QueueConfig) -> str:
    if config.queue_type is QueueType.REDIS:
        return f"/{config.database}"
    if config.queue_type is QueueType.RABBITMQ:
        return f"/{quote(config.virtual_host, safe='')}"
    return "/"
