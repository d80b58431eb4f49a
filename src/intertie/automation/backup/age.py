"""age, whose library ships no types: the four things done with it."""

from importlib import import_module
from io import RawIOBase
from typing import IO, Any, Protocol

_age: Any = import_module("pyrage")  # the library's own types are not known


class AgeError(Exception):
    """It cannot be encrypted, or is damaged, or of another key."""


class Recipient(Protocol):
    """What is encrypted to; as text it begins with age1."""

    def __str__(self) -> str: ...


class Key(Protocol):
    """What decrypts it."""

    def to_public(self) -> Recipient:
        """Its other half."""
        ...


def new_key() -> str:
    """The text of a key (X25519) that nobody has yet."""
    return str(_age.x25519.Identity.generate())


def parse_key(text: str) -> Key:
    """The key of its text. Raises AgeError, which does not show it."""
    try:
        key: Key = _age.x25519.Identity.from_str(text.strip())
    except _age.IdentityError:
        raise AgeError("it is no key") from None
    return key


def wrap(content: bytes, password: str) -> bytes:
    """Encrypt something short; takes about a second, so that guessing takes long."""
    wrapped: bytes = _age.passphrase.encrypt(content, password)
    return wrapped


def unwrap(content: bytes, password: str) -> bytes:
    """Undo `wrap`. Raises AgeError."""
    try:
        unwrapped: bytes = _age.passphrase.decrypt(content, password)
    except _age.DecryptError as exc:
        raise AgeError("wrong password, or it is damaged") from exc
    return unwrapped


def encrypt(source: RawIOBase, sink: RawIOBase, recipient: Recipient) -> None:
    """All of a stream. Raises AgeError, and OSError of the sink."""
    try:
        _age.encrypt_io(source, sink, [recipient])
    except _age.EncryptError as exc:
        raise AgeError(str(exc)) from exc


def decrypt(source: RawIOBase, sink: IO[bytes], key: Key) -> None:
    """All of a stream; what was written when this fails is whole up to there, and not all.

    Raises AgeError, BrokenPipeError of the sink.
    """
    try:
        _age.decrypt_io(source, sink, [key])
    except BrokenPipeError:
        raise
    except (_age.DecryptError, OSError) as exc:
        raise AgeError(f"it is damaged or of another key ({exc})") from exc
