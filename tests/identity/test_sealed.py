"""The sealer: nothing is read without the master key, or in another place than its own."""

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.errors import StoreError
from intertie.identity.sealed import Sealer

_SECRET = base64.b64encode(bytes(range(32))).decode()
_OTHER = base64.b64encode(bytes(32)).decode()


@given(data=st.binary(max_size=300), purpose=st.text(max_size=20))
def test_what_is_sealed_comes_back(data: bytes, purpose: str) -> None:
    """Any bytes, for any purpose; the sealed text never holds them."""
    sealer = Sealer.from_secret(_SECRET)

    sealed = sealer.seal(data, purpose=purpose)

    assert sealer.unseal(sealed, purpose=purpose) == data
    assert sealed != sealer.seal(data, purpose=purpose)


def test_it_opens_for_its_own_purpose_only() -> None:
    """What was sealed for one user cannot be put in the place of another's."""
    sealer = Sealer.from_secret(_SECRET)
    sealed = sealer.seal(b"seed", purpose="totp:ann")

    with pytest.raises(StoreError, match="changed or belongs elsewhere"):
        sealer.unseal(sealed, purpose="totp:bob")


@pytest.mark.parametrize("place", range(0, 60, 7))
def test_a_changed_text_is_refused(place: int) -> None:
    """One character, wherever, and it does not open."""
    sealer = Sealer.from_secret(_SECRET)
    sealed = sealer.seal(b"seed of an app", purpose="totp")
    changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]

    with pytest.raises(StoreError):
        sealer.unseal(changed, purpose="totp")


def test_the_file_is_private_and_found_again(tmp_path: Path) -> None:
    """Made when missing, mode 0600; who opens it later reads what was sealed before."""
    file = tmp_path / "keys" / "master.json"
    sealed = Sealer.open(file).seal(b"x", purpose="p")

    again = Sealer.open(file)

    assert again.unseal(sealed, purpose="p") == b"x"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """The error says what to run."""
    file = tmp_path / "master.json"
    Sealer.open(file)
    file.chmod(0o640)

    with pytest.raises(StoreError, match=r"others may read it; run: chmod 600 .*master\.json"):
        Sealer.open(file)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"masters": []}', '{"masters": [{"id": "a", "key": "c2hvcnQ="}]}', "{}"],
)
def test_a_damaged_file_is_named_and_not_repeated(tmp_path: Path, text: str) -> None:
    """Nothing of it is shown, for it may be half of a key."""
    file = tmp_path / "master.json"
    file.write_text(text)
    file.chmod(0o600)

    with pytest.raises(StoreError, match="cannot read the master key") as caught:
        Sealer.open(file)

    assert caught.value.__cause__ is None
    assert "c2hvcnQ" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "short", "%%%", _SECRET[:-4], "c2hvcnQ="])
def test_a_secret_of_the_wrong_shape_is_refused(text: str) -> None:
    """Weak keys are not stretched: 32 bytes, or none."""
    with pytest.raises(StoreError, match="expected 32 bytes in base64"):
        Sealer.from_secret(text)


def test_older_keys_of_a_secret_still_open() -> None:
    """A new line before the old one is a rotation."""
    old = Sealer.from_secret(_OTHER)
    sealed = old.seal(b"x", purpose="p")

    new = Sealer.from_secret(f"{_SECRET}\n{_OTHER}\n")

    assert new.stale(sealed)
    resealed = new.reseal(sealed, purpose="p")
    assert not new.stale(resealed)
    assert Sealer.from_secret(_SECRET).unseal(resealed, purpose="p") == b"x"


def test_rotation_reaches_a_process_that_was_open(tmp_path: Path) -> None:
    """The other process opens and makes what belongs to the new key, without a restart."""
    one, two = Sealer.open(tmp_path / "m"), Sealer.open(tmp_path / "m")
    before = two.seal(b"old", purpose="p")

    one.rotate()

    assert two.unseal(one.seal(b"new", purpose="p"), purpose="p") == b"new"
    assert two.key_id == one.key_id
    assert one.unseal(before, purpose="p") == b"old"


def test_a_retired_key_opens_nothing_but_still_proves(tmp_path: Path) -> None:
    """Codes of secrets that nobody has in clear outlive the key they began with."""
    sealer = Sealer.open(tmp_path / "m")
    sealed, code = sealer.seal(b"x", purpose="p"), sealer.code(b"secret", purpose="p")
    sealer.rotate()
    sealer.rotate()

    sealer.retire()

    with pytest.raises(StoreError, match="it is retired"):
        sealer.unseal(sealed, purpose="p")
    assert sealer.proves(b"secret", code, purpose="p")
    assert Sealer.open(tmp_path / "m").proves(b"secret", code, purpose="p")


def test_a_key_from_a_secret_is_not_rotated_here() -> None:
    """The error says where."""
    with pytest.raises(StoreError, match="put a new line before those of the secret"):
        Sealer.from_secret(_SECRET).rotate()
    with pytest.raises(StoreError, match="cannot retire"):
        Sealer.from_secret(_SECRET).retire()


def test_a_code_proves_one_secret_for_one_purpose() -> None:
    """Another secret, purpose or master key gives another code."""
    sealer = Sealer.from_secret(_SECRET)
    code = sealer.code(b"123456", purpose="code:ann")

    assert sealer.proves(b"123456", code, purpose="code:ann")
    assert not sealer.proves(b"123457", code, purpose="code:ann")
    assert not sealer.proves(b"123456", code, purpose="code:bob")
    with pytest.raises(StoreError, match="not there any more"):
        Sealer.from_secret(_OTHER).proves(b"123456", code, purpose="code:ann")


def test_nothing_of_a_key_is_shown() -> None:
    """A sealer in a log says which key, not what it is."""
    sealer = Sealer.from_secret(_SECRET)

    assert repr(sealer) == f"Sealer(key={sealer.key_id!r})"
    assert _SECRET not in repr(vars(sealer))
    assert repr(bytes(range(32)))[2:20] not in repr(vars(sealer))
