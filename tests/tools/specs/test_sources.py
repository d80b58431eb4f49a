"""Descriptions are read from where they are, and from nowhere else."""

import base64
import hashlib
import tarfile
from pathlib import Path

import pytest

from tools.specs import sources
from tools.specs.tree import SpecError


def packed(folder: Path) -> Path:
    """An npm package with one file."""
    (folder / "a.json").write_text("{}")
    archive = folder / "package.tgz"
    with tarfile.open(archive, "w:gz") as package:
        package.add(folder / "a.json", "package/api/a.json")
    return archive


def test_the_folder_is_the_one_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the environment, else beside the project."""
    (tmp_path / "a.json").write_text("{}")
    monkeypatch.setenv(sources.ENVIRONMENT, str(tmp_path))

    assert sources.InFolder("a.json").read() == b"{}"
    with pytest.raises(sources.SourceMissingError, match=sources.ENVIRONMENT):
        sources.InFolder("b.json").read()

    monkeypatch.delenv(sources.ENVIRONMENT)
    assert sources.folder().parts[-2:] == ("shared", "specs")


def test_braintrees_schema_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No part of it is kept in the project."""
    monkeypatch.setenv(sources.ENVIRONMENT, str(tmp_path))
    assert sources.braintree_schema() is None

    file = tmp_path / "braintree.graphql"
    file.write_text("type Query { a: Int }")
    assert sources.braintree_schema() == file


def test_a_file_comes_out_of_a_package_whole(tmp_path: Path) -> None:
    """One that is not in it is said."""
    archive = packed(tmp_path)

    sources.extract(archive, "api/a.json", tmp_path / "cache" / "a.json")

    assert (tmp_path / "cache" / "a.json").read_text() == "{}"
    with pytest.raises(SpecError, match=r"api/b\.json"):
        sources.extract(archive, "api/b.json", tmp_path / "b.json")


def test_a_package_has_the_published_digest(tmp_path: Path) -> None:
    """Another is refused."""
    archive = packed(tmp_path)
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()

    assert sources.checked(archive, f"sha512-{digest}") == archive
    with pytest.raises(SpecError, match="digest"):
        sources.checked(archive, "sha512-other")


def test_our_own_lie_beside_the_tool() -> None:
    """They are part of the project."""
    assert b"HubSpot" in sources.OurOwn("hubspot.yaml").read()
