from intertie.errors import IntertieError
from intertie.forward.sender import BusyError, RefusedError


def test_refusals_can_be_told_apart() -> None:
    """One is for good, the other tells when to come again; both can be shown."""
    assert BusyError("cannot reach it", after_s=3).after_s == 3
    assert not issubclass(RefusedError, BusyError)
    assert all(issubclass(kind, IntertieError) for kind in (BusyError, RefusedError))
