"""Suite files written and loaded in a folder of their own."""

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Protocol

import pytest

from intertie.errors import SuiteError
from intertie.suite import Loaded, load


class Write(Protocol):
    """Writes a file under the test's folder and gives its path."""

    def __call__(self, text: str, name: str = "suite.yaml") -> Path:
        """Write `text` to the file `name`."""
        ...


class Check(Protocol):
    """Gives what is told about a file, without the folder."""

    def __call__(
        self, text: str, *, env: Mapping[str, str] = {}, environment: str | None = None
    ) -> list[str]:
        """One text for each fault."""
        ...


class LoadText(Protocol):
    """Loads a text as suite file."""

    def __call__(
        self, text: str, *, env: Mapping[str, str] = {}, environment: str | None = None
    ) -> Loaded:
        """The suite of `text`."""
        ...


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a dedented text to a file."""

    def to_file(text: str, name: str = "suite.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path

    return to_file


@pytest.fixture
def load_text(write: Callable[[str], Path]) -> LoadText:
    """Load a text as suite file."""

    def loaded(text: str, *, env: Mapping[str, str] = {}, environment: str | None = None) -> Loaded:
        return load(write(text), env=env, environment=environment)

    return loaded


@pytest.fixture
def told(load_text: LoadText, tmp_path: Path) -> Check:
    """Load a text that must have faults; each as people read it."""

    def faults(
        text: str, *, env: Mapping[str, str] = {}, environment: str | None = None
    ) -> list[str]:
        with pytest.raises(SuiteError) as caught:
            load_text(text, env=env, environment=environment)
        return [str(fault).replace(f"{tmp_path}/", "") for fault in caught.value.faults]

    return faults
