"""What the authorizer asks others."""

from intertie.gateway.authz.sources import Shown, Sources
from tests.gateway.authz.people import ADA, People


def test_a_token_without_id_and_time_has_neither() -> None:
    """Nothing is made up."""
    sources: Sources = People(revoked={""})

    assert Shown() == Shown("", 0)
    assert sources.is_revoked(ADA, Shown())
