"""What goes to a vendor and comes back."""

from intertie.integrations.message import Request, Response


def test_secrets_are_not_in_what_is_shown() -> None:
    """Headers, address and bodies hold them; the shown form has none of these."""
    request = Request(
        "GET", "https://a.test/?key=hunter2", {"authorization": "hunter2"}, b"hunter2"
    )

    assert "hunter2" not in f"{request!r} {request}"
    assert "hunter2" not in repr(Response(200, {}, b"hunter2"))
