"""Who asks, and what they may do."""

import pytest

from intertie.control.actor import Actor, ForbiddenError, Reach
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


def test_who_is_known_is_told_what_it_lacks() -> None:
    """Another answer than to a stranger: a key would not help, a role would."""
    known = Actor("default/user:ann", may_read=True, may_write=False, is_known=True)

    with pytest.raises(ForbiddenError, match=r"as default/user:ann: .*api\.roles"):
        known.require_write()
    with pytest.raises(ForbiddenError):
        known.require_sight()


def test_rights_over_identities_are_apart_from_those_over_the_suite() -> None:
    """Who may stop services need not see addresses, and the other way round."""
    operator = Actor("o", may_read=True, may_write=True)
    manager = Actor("m", may_read=False, may_write=False, reach=Reach(manages=True))
    observer = Actor("s", may_read=False, may_write=False, reach=Reach(sees=True))

    manager.require_management()
    manager.require_sight()
    observer.require_sight()
    for actor in (operator, observer):
        with pytest.raises(AccessDeniedError):
            actor.require_management()
    with pytest.raises(AccessDeniedError):
        manager.require_write()
