"""Files of a dump."""

from pathlib import Path

import bson
import pytest

from intertie.automation.backup.mongodb_files import (
    collections,
    contents_of,
    documents,
    mongodb_tables,
    write_about,
)
from intertie.automation.backup.port import BackupError


def plant(folder: Path, name: str, *found: object) -> Path:
    """A collection of the database `shop`."""
    place = folder / "shop"
    place.mkdir(exist_ok=True)
    kind = "view" if name == "a view" else "collection"
    write_about(place, {"name": name, "type": kind, "options": {}, "indexes": []})
    file = place / f"{name}.bson"
    if kind != "view":
        file.write_bytes(b"".join(bson.encode({"_id": each}) for each in found))
    return file


def test_what_a_collection_holds_is_summed_in_any_order(tmp_path: Path) -> None:
    """Another document, or one more, is another sum."""
    first = contents_of(documents(plant(tmp_path, "first", 1, 2, 3)))
    turned = contents_of(documents(plant(tmp_path, "turned", 3, 1, 2)))
    other = contents_of(documents(plant(tmp_path, "other", 1, 2, 4)))

    assert first == turned
    assert first.rows == 3
    assert first != other


def test_views_come_last_and_hold_nothing(tmp_path: Path) -> None:
    """They need what they show."""
    plant(tmp_path, "a view")
    plant(tmp_path, "orders", 1)

    assert [each.name for each in collections(tmp_path)] == ["orders", "a view"]
    assert set(mongodb_tables(tmp_path)) == {"shop.orders"}


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    """Both of a collection's files."""
    file = plant(tmp_path, "orders", 1)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(BackupError, match=r"orders\.bson: it is damaged"):
        mongodb_tables(tmp_path)
    (tmp_path / "shop" / "orders.metadata.json").write_text("{}")
    with pytest.raises(BackupError, match=r"orders\.metadata\.json: it is damaged"):
        list(collections(tmp_path))
