"""Tokens of the suite's own issuer, verified strictly."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from intertie.control.signed import claims_of
from intertie.identity.issuer import Issuer


def test_an_old_token_still_says_what_it_was(tmp_path: Path) -> None:
    """For who revokes it; to who lets somebody in it says nothing."""
    issuer, now = Issuer.open(tmp_path), datetime.now(UTC)
    text = issuer.mint("ann", now=now - timedelta(hours=2), audience="shop", lifetime_s=60)
    seconds = now.timestamp()

    told = claims_of(text, issuer, None, now=seconds, expired_too=True)

    assert told is not None
    assert told["sub"] == "ann"
    assert claims_of(text, issuer, "shop", now=seconds) is None
    assert claims_of("a.b.c", issuer, None, now=seconds, expired_too=True) is None
