"""JSON that is given away for keeping."""

from intertie.identity.sealed import Sealer
from intertie.identity.sso.sealing import open_json, seal_json


def test_it_comes_back_for_its_purpose_only(sealer: Sealer) -> None:
    """Changed, cut, or for something else it is nothing."""
    sealed = seal_json(sealer, {"a": "b"}, "one")

    assert open_json(sealer, sealed, "one") == {"a": "b"}
    for wrong in (sealed[:-4] + "AAAA", sealed[:20], "", "v1.x.y"):
        assert open_json(sealer, wrong, "one") is None
    assert open_json(sealer, sealed, "two") is None


def test_what_is_no_object_is_nothing(sealer: Sealer) -> None:
    """Though it was sealed here."""
    assert open_json(sealer, sealer.seal(b"[1]", purpose="one"), "one") is None
    assert open_json(sealer, sealer.seal(b"{", purpose="one"), "one") is None
