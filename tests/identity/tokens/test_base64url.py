"""Base64url in its one form."""

import pytest

from intertie.identity.tokens import base64url


@pytest.mark.parametrize("data", [b"", b"\0", b"ab", b"abc", bytes(range(256))])
def test_what_was_encoded_is_decoded(data: bytes) -> None:
    """Any bytes, without padding."""
    assert base64url.decode(base64url.encode(data)) == data
    assert "=" not in base64url.encode(data)


@pytest.mark.parametrize(
    "text",
    ["YQ==", "YQ=", "YR", "YWJj\n", " YWJj", "YW Jj", "+/+/", "Y", "YWJj=", "Yé", "YW?Jj", "Y.Q"],
)
def test_any_other_form_is_refused(text: str) -> None:
    """Padding, spare bits, white space and characters of other alphabets."""
    with pytest.raises(ValueError, match="base64url"):
        base64url.decode(text)
