"""What a sidecar says of calls it refuses."""

import json

from intertie.gateway.mesh import replies


def test_a_refusal_names_both_sides_and_the_remedy() -> None:
    """To the caller, and in the log."""
    said = json.dumps(replies.local_replies("spiffe://x/a", "%CALLER%"))
    [logged] = replies.refused_calls("spiffe://x/a", "%CALLER%")
    fields = logged["typed_config"]["log_format"]["json_format"]

    assert "cannot call spiffe://x/a as %CALLER%" in said
    assert "mesh.allow" in said
    assert (fields["caller"], fields["target"]) == ("%CALLER%", "spiffe://x/a")


def test_no_query_is_logged() -> None:
    """It may hold secrets."""
    assert "PATH(NQ" in json.dumps(replies.refused_calls("a", "b"))


def test_a_callee_that_is_not_believed_is_told_as_the_cause() -> None:
    """The caller's own sidecar knows why."""
    assert "UPSTREAM_TRANSPORT_FAILURE_REASON" in json.dumps(replies.failed_calls())
