"""Certificates as files for Envoy."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from intertie.gateway.mesh import secrets
from intertie.identity.authority import Authority, Credential


def credential(folder: Path) -> Credential:
    """A new one."""
    authority = Authority.open(folder / "keys", "shop", now=lambda: datetime.now(UTC))
    return authority.issue("web", lifetime=timedelta(days=1))


def test_a_secret_is_private_and_complete(tmp_path: Path) -> None:
    """Certificate and key in one 0600 file, in a 0700 folder, with nothing left beside it."""
    made = credential(tmp_path)
    (tmp_path / "envoy").mkdir()

    secrets.put(tmp_path / "envoy", {"identity": secrets.certificate("identity", made)})

    file = tmp_path / "envoy" / "secrets" / "identity.json"
    told = json.loads(file.read_text())["resources"][0]["tls_certificate"]
    assert told["certificate_chain"]["inline_string"] == made.chain
    assert told["private_key"]["inline_string"] == made.key
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [each.name for each in (tmp_path / "envoy").iterdir()] == ["secrets"]


def test_what_is_the_same_is_not_written_again(tmp_path: Path) -> None:
    """Envoy reads all again at each rename; a new one has a new version."""
    first, second = (secrets.certificate("identity", credential(tmp_path)) for _ in range(2))
    file = tmp_path / "secrets" / "identity.json"
    secrets.put(tmp_path, {"identity": first})
    before = file.stat().st_ino

    secrets.put(tmp_path, {"identity": first})
    same = file.stat().st_ino
    secrets.put(tmp_path, {"identity": second})

    assert same == before
    assert file.stat().st_ino != before
    assert json.loads(file.read_text())["version_info"] == secrets.version(second)
    assert secrets.version(first) != secrets.version(second)


def test_a_list_of_revoked_ones_is_told_when_there_is_one() -> None:
    """An empty list would be a fault to Envoy."""
    plain = secrets.authorities("clients", "roots")["validation_context"]
    listed = secrets.authorities("clients", "roots", revoked="list")["validation_context"]

    assert plain == {"trusted_ca": {"inline_string": "roots"}}
    assert listed["crl"] == {"inline_string": "list"}
