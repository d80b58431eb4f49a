import pytest

from intertie.errors import IntertieError
from intertie_media.core.errors import Kind, MediaError, MediaRefused


@pytest.mark.parametrize(
    ("kind", "retryable"), [("input", False), ("capacity", True), ("bug", False)]
)
def test_only_lack_of_capacity_is_worth_another_try(kind: Kind, retryable: bool) -> None:
    """Whether to try again follows from who is at fault."""
    error = MediaError("cannot do it: because", code="some", kind=kind)

    assert error.retryable is retryable
    assert error.message == "cannot do it: because"


def test_refusal_is_the_uploaders_to_mend() -> None:
    """A refused file is an input error of the one tree, and never retried."""
    refused = MediaRefused("cannot take the file: it is empty", code="empty")

    assert isinstance(refused, IntertieError)
    assert (refused.code, refused.kind, refused.retryable) == ("empty", "input", False)
