import resource
from pathlib import Path

import pytest

from intertie.drivers.limits import refusal, resources
from intertie.errors import DriverError
from tests.drivers.launches import launch, unprivileged


def test_limits_have_the_numbers_of_the_system(tmp_path: Path) -> None:
    """Also the one that the standard library does not know; -1 stays -1."""
    made = launch(tmp_path, "true", ulimits={"nofile": (10, 20), "locks": (0, -1)})

    with_root_or_not = resources(made)

    assert with_root_or_not == [
        ("nofile", resource.RLIMIT_NOFILE, 10, 20),
        ("locks", 10, 0, -1),
    ]


@pytest.mark.parametrize("wanted", [1 << 40, -1])
def test_only_root_goes_above_the_hard_limit(tmp_path: Path, wanted: int) -> None:
    """Others are told the limit and what to do."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    made = launch(tmp_path, "true", ulimits={"nofile": (10, wanted)})

    with unprivileged(), pytest.raises(DriverError) as caught:
        resources(made)

    told = "unlimited" if wanted == -1 else wanted
    assert str(caught.value) == (
        f"cannot start service 'api': ulimit nofile of {told} is above the hard limit {hard} that "
        "Intertie itself runs under; ask for less, raise that one, or run Intertie as root"
    )


def test_an_unknown_limit_is_told(tmp_path: Path) -> None:
    """Systems differ."""
    with pytest.raises(DriverError, match="this system has no ulimit 'wings'"):
        resources(launch(tmp_path, "true", ulimits={"wings": (1, 1)}))


def test_what_the_kernel_refuses_is_told_with_what_was_asked(tmp_path: Path) -> None:
    """Both values and the kernel's word."""
    made = launch(tmp_path, "true", ulimits={"stack": (5, -1)})

    told = str(refusal(made, "stack", "Invalid argument"))

    assert "ulimit stack cannot be set to 5:unlimited: Invalid argument" in told
