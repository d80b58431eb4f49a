"""Kinds, without loading any."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from intertie.integrations import catalog
from intertie.integrations.connector import Connector
from intertie.integrations.errors import InvalidError
from tests.integrations.shop import Shop

_LISTING = """
import sys
from intertie.integrations.catalog import kinds
found = kinds()
print(*(each.module for each in found.values() if each.module in sys.modules), end="")
"""


@pytest.mark.parametrize("kind", sorted(catalog.kinds()))
def test_each_row_is_what_its_class_says(kind: str) -> None:
    """A file that is older than the code would promise what is not there."""
    row = catalog.kinds()[kind]
    cls = getattr(import_module(row.module), row.name)

    assert catalog.load(kind) is cls
    assert issubclass(cls, Connector)
    assert (cls.kind, cls.docs, cls.stability) == (kind, row.docs, row.stability)
    assert sorted(cls.operations) == sorted(row.operations)
    assert row.category in row.module
    schema = json.loads(json.dumps(row.settings))
    assert set(schema["properties"]) == set(cls.settings_type.model_fields)


@pytest.mark.slow
def test_listing_kinds_loads_none() -> None:
    """A program that shows them pays for none of them."""
    told = subprocess.run([sys.executable, "-c", _LISTING], capture_output=True, check=True)

    assert told.stdout == b""


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("stirpe", "did you mean stripe?"),
        ("", "known are "),
        ("x" * 500, "there is none of this name"),
        ("../../etc", "there is none"),
        ("intertie.errors", "there is none"),
    ],
)
def test_an_unknown_kind_is_refused_with_the_nearest_one(kind: str, text: str) -> None:
    """And nothing is imported by a name that somebody made up."""
    with pytest.raises(InvalidError) as caught:
        catalog.load(kind)

    assert text in str(caught.value)
    assert len(str(caught.value)) < 2000


def package(folder: Path, kind: str) -> None:
    """Another package that brings a connector."""
    info = folder / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    entry = f"[{catalog.GROUP}]\n{kind} = tests.integrations.shop:Shop\n"
    (info / "entry_points.txt").write_text(entry)


def test_other_packages_may_bring_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an entry point."""
    package(tmp_path, "other_shop")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert catalog.load("other_shop") is Shop


def test_no_package_takes_the_place_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whatever is installed would get the credentials of a kind that we ship."""
    package(tmp_path, "stripe")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert catalog.load("stripe").__module__ == "intertie.integrations.external_apis.stripe"
