"""The signing keys in their file."""

import json
from pathlib import Path

import pytest

from intertie.errors import StoreError
from intertie.identity.tokens import ring as rings
from intertie.identity.tokens.ring import Ring

NOW = 1_800_000_000.0


def kids(ring: Ring, now: float = NOW) -> list[str]:
    """Names of what is published."""
    return [key["kid"] for key in ring.published(now)]


def test_keys_come_back_as_they_were(tmp_path: Path) -> None:
    """All of them, from a file that only the owner may read."""
    ring = Ring.new(NOW).turned(NOW + 1, 60)
    rings.write(tmp_path / "k.json", ring)

    found = rings.read(tmp_path / "k.json")

    assert found is not None
    assert found.published(NOW) == ring.published(NOW)
    assert (found.since, found.published_at) == (ring.since, ring.published_at)
    assert (tmp_path / "k.json").stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["k.json"]


def test_the_next_key_signs_and_the_old_one_stays_for_a_while() -> None:
    """As long as a token of it may be about, and not longer."""
    first = Ring.new(NOW)
    present, coming = kids(first)

    turned = Ring(first.current, NOW, first.coming, NOW, longest_s=3600).turned(NOW + 1000, 60)

    assert kids(turned, NOW + 1000)[0] == coming
    assert kids(turned, NOW + 1000 + 3659)[-1] == present
    assert present not in kids(turned, NOW + 1000 + 3660)
    assert len(kids(turned, NOW + 1000)) == 3


def test_only_public_halves_are_published_and_old_keys_forget_the_other() -> None:
    """A key that signs no more cannot."""
    turned = Ring.new(NOW).turned(NOW + 1, 60)

    assert all("d" not in key for key in turned.published(NOW + 2))
    assert "d" not in turned.old[0].public


def test_a_file_with_one_key_keeps_it(tmp_path: Path) -> None:
    """It gets the next one beside it."""
    key = rings.new_key()
    (tmp_path / "k.json").write_text(json.dumps(key.as_dict(private=True)))

    assert rings.read(tmp_path / "k.json") is None
    assert rings.complete(tmp_path / "k.json", NOW).current.kid == key.kid


@pytest.mark.parametrize("text", ["{", "[]", "7", "{}", '{"kty":"EC","d":"secret"}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    """Its contents are not."""
    (tmp_path / "k.json").write_text(text)

    with pytest.raises(StoreError, match=r"k\.json.*damaged") as caught:
        rings.read(tmp_path / "k.json")

    assert "secret" not in str(caught.value)
