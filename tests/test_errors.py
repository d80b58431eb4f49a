"""The error tree: what a person reads."""

from pathlib import Path

from intertie.errors import DriverError, Fault, IntertieError, SuiteError


def test_a_fault_names_place_key_cause_and_cure() -> None:
    """One line, in the form editors jump to."""
    fault = Fault(
        Path("suite.yaml"), 3, 5, "services.api.prot", "unknown key", "did you mean port?"
    )

    assert str(fault) == ("suite.yaml:3:5: services.api.prot: unknown key (did you mean port?)")


def test_a_fault_without_a_place_in_the_file_does_not_pretend() -> None:
    """A file that cannot be read at all has no line."""
    assert str(Fault(Path("suite.yaml"), 0, 0, "", "it is not there")) == (
        "suite.yaml: it is not there"
    )


def test_a_suite_error_shows_every_fault() -> None:
    """In the order given, one a line."""
    faults = [Fault(Path("s.yaml"), n, 1, f"k{n}", "wrong") for n in (1, 2)]

    error = SuiteError(faults)

    assert error.faults == tuple(faults)
    assert str(error).splitlines() == ["s.yaml:1:1: k1: wrong", "s.yaml:2:1: k2: wrong"]


def test_every_error_is_one_that_can_be_shown() -> None:
    """Whoever catches the root catches all; data travels as attributes."""
    error = DriverError("cannot start service 'api': no program", service="api")

    assert isinstance(error, IntertieError)
    assert error.service == "api"
