"""Who asks, and what they may do."""

import pytest

from intertie.control.actor import Actor
from intertie.errors import AccessDeniedError


def test_rights_are_checked_one_by_one() -> None:
    """Who may read may not therefore write."""
    reader = Actor("rest", may_read=True, may_write=False)

    reader.require_read()
    with pytest.raises(AccessDeniedError, match=r"Bearer.*--insecure-local"):
        reader.require_write()


def test_a_stranger_may_not_even_look() -> None:
    """Where the API listens beyond this machine, reading needs the key too."""
    with pytest.raises(AccessDeniedError):
        Actor("rest", may_read=False, may_write=False).require_read()
