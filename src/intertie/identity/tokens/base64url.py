"""Base64url as RFC 7515 has it, and nothing else: one text for each value."""

from base64 import urlsafe_b64decode, urlsafe_b64encode


def encode(data: bytes) -> str:
    """Without padding."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def decode(text: str) -> bytes:
    """What `encode` made into `text`.

    Raises ValueError on padding, white space, other characters, and unused bits that are set: the
    standard library takes all four.
    """
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as exc:
        raise ValueError("it is not base64url") from exc
    if encode(data) != text:
        raise ValueError("it is not base64url in its one form")
    return data
