"""Requests that schemathesis makes from a document, as a gateway would see them."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
import schemathesis
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


def operations(document: dict[str, Any]) -> Iterator[Any]:
    """All operations, as schemathesis sees them. Any: its types are not exported."""
    schema = schemathesis.openapi.from_dict(document)
    for result in schema.get_all_operations():
        made: Any = result
        yield made.ok()


def requests_of(operation: Any, *, valid: bool = True) -> SearchStrategy[Any]:
    """Cases that are right, or have something wrong."""
    mode = GenerationMode.POSITIVE if valid else GenerationMode.NEGATIVE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        strategy: SearchStrategy[Any] = operation.as_strategy(generation_mode=mode)
    return strategy


def asked(case: Any) -> Asked | None:
    """What goes over the wire; None for what no client can send."""
    try:
        kwargs = case.as_transport_kwargs(base_url="http://gateway")
        sent = requests.Request(**kwargs).prepare()
    except (ValueError, UnicodeError, requests.exceptions.RequestException):
        return None
    url = urlsplit(sent.url or "")
    body: Any = sent.body or b""
    content = body.encode() if isinstance(body, str) else bytes(body)
    headers = {str(name).lower(): _text(value) for name, value in sent.headers.items()}
    return Asked(str(sent.method), url.path, url.query, headers, content)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
