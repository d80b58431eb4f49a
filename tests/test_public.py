"""The public face: what `import intertie` promises."""

import subprocess
import sys

import pytest

import intertie


def test_every_public_name_is_there() -> None:
    """Each exported name can be had, and nothing else is promised."""
    assert sorted(intertie.__all__) == intertie.__all__
    for name in intertie.__all__:
        assert getattr(intertie, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As for any module."""
    with pytest.raises(AttributeError, match="no attribute 'Sweet'"):
        _ = intertie.Sweet


def test_importing_loads_nothing_heavy() -> None:
    """`import intertie` alone brings neither the web framework nor the models."""
    code = "import sys, intertie; print(sorted({'fastapi', 'pydantic'} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
