import io
import os

import pytest

from intertie.automation.backup.age import (
    AgeError,
    decrypt,
    encrypt,
    new_key,
    parse_key,
    unwrap,
    wrap,
)


class Sink(io.RawIOBase):
    """Keeps what is written."""

    def __init__(self) -> None:
        self.held = io.BytesIO()

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        """See io.RawIOBase."""
        return self.held.write(data)


class Source(io.RawIOBase):
    """Gives what it was made of."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """See io.RawIOBase."""
        return self._content.readinto(buffer)


def locked(content: bytes, key: str) -> bytes:
    """Encrypted to a key."""
    sink = Sink()
    encrypt(Source(content), sink, parse_key(key).to_public())
    return sink.held.getvalue()


def opened(content: bytes, key: str) -> bytes:
    """Decrypted by a key."""
    out = io.BytesIO()
    decrypt(Source(content), out, parse_key(key))
    return out.getvalue()


def test_comes_back() -> None:
    """By the key whose other half it was encrypted to."""
    key, content = new_key(), os.urandom(300_000)

    assert opened(locked(content, key), key) == content
    assert content not in locked(content, key)


def test_another_key_or_a_cut_does_not_open_it() -> None:
    """A stream that ends early is an error, not a short stream."""
    key = new_key()
    held = locked(bytes(200_000), key)

    for content, with_key in ((held, new_key()), (held[:-1], key), (held[:100_000], key)):
        with pytest.raises(AgeError):
            opened(content, with_key)


def test_what_is_no_key_is_refused_without_being_shown() -> None:
    """One letter is wrong."""
    text = new_key()
    wrong = text[:-1] + ("Q" if text[-1] != "Q" else "P")

    with pytest.raises(AgeError) as failed:
        parse_key(wrong)

    assert wrong not in str(failed.value)


@pytest.mark.slow
def test_a_password_opens_what_it_closed() -> None:
    """And no other does."""
    held = wrap(b"content", "right")

    assert unwrap(held, "right") == b"content"
    with pytest.raises(AgeError, match="wrong password"):
        unwrap(held, "wrong")
