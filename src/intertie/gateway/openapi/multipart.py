"""The parts of a `multipart/form-data` body (RFC 7578)."""

from dataclasses import dataclass
from email.message import Message

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

MAX_PARTS = 1_000


@dataclass(frozen=True, slots=True)
class Part:
    """One part."""

    name: str
    is_file: bool
    type: str
    """Its media type; empty when it says none."""
    content: bytes


class MultipartError(ValueError):
    """The body is none, or was cut."""


class _Collector:
    """Gathers what the parser calls out."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.ended = False
        self._headers: dict[str, bytes] = {}
        self._field = self._value = self._content = b""

    def on_part_begin(self) -> None:
        if len(self.parts) >= MAX_PARTS:
            raise MultipartError(f"expected at most {MAX_PARTS:,} parts")
        self._headers = {}
        self._content = b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self._headers[self._field.decode("latin-1").lower()] = self._value
        self._field = self._value = b""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def on_part_end(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        if b"name" not in options:
            raise MultipartError("expected a name of each part")
        kind = self._headers.get("content-type", b"").decode("latin-1")
        name = options[b"name"].decode("utf-8", "replace")
        self.parts.append(Part(name, b"filename" in options, media_type(kind), self._content))

    def on_end(self) -> None:
        self.ended = True


def media_type(text: str) -> str:
    """Of a `Content-Type`: lower-case, without parameters."""
    return text.partition(";")[0].strip().lower()


def boundary(content_type: str) -> str:
    """Of a multipart body; empty when it is not said."""
    message = Message()
    message["content-type"] = content_type
    return str(message.get_param("boundary") or "")


def parts(content_type: str, body: bytes) -> list[Part]:
    """All parts. Raises MultipartError."""
    mark = boundary(content_type)
    if not mark:
        raise MultipartError("expected a boundary in content-type")
    collector = _Collector()
    names = ("part_begin", "header_field", "header_value", "header_end", "part_data", "part_end")
    calls = {f"on_{name}": getattr(collector, f"on_{name}") for name in (*names, "end")}
    try:
        parser = MultipartParser(mark.encode("latin-1"), calls)  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except MultipartError:
        raise
    except (FormParserError, UnicodeError) as exc:
        raise MultipartError("expected parts with the boundary between them") from exc
    if not collector.ended:
        raise MultipartError("expected the boundary that ends the body")
    return collector.parts
