"""The suite's authority: what it signs, and how it keeps its key."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from intertie.errors import StoreError
from intertie.identity.authority import Authority, Credential, spiffe_id

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def opened(folder: Path, *, at: datetime = NOW) -> Authority:
    """As a daemon opens it."""
    return Authority.open(folder, "shop", now=lambda: at)


def leaf(credential: Credential) -> x509.Certificate:
    """The certificate of it."""
    return x509.load_pem_x509_certificate(credential.chain.encode())


def test_a_service_is_named_by_its_spiffe_id(tmp_path: Path) -> None:
    """One URI and nothing else, for both ends of a connection, and not for signing others."""
    made = leaf(opened(tmp_path).issue("api.v1", lifetime=DAY))

    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    usage = made.extensions.get_extension_for_class(x509.KeyUsage)
    uses = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(names) == [x509.UniformResourceIdentifier("spiffe://shop/api.v1")]
    assert made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    assert set(uses) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


def test_a_certificate_lives_as_long_as_asked(tmp_path: Path) -> None:
    """From a minute ago, for clocks that go slow, and never longer than the root."""
    authority = opened(tmp_path)

    day = leaf(authority.issue("web", lifetime=DAY))
    century = leaf(authority.issue("web", lifetime=DAY * 36500))

    assert day.not_valid_before_utc == NOW - timedelta(minutes=1)
    assert day.not_valid_after_utc == NOW + DAY
    assert century.not_valid_after_utc == NOW + DAY * 3650


def test_no_two_certificates_have_a_number_or_key_in_common(tmp_path: Path) -> None:
    """Each is made anew."""
    authority = opened(tmp_path)

    made = [leaf(authority.issue("web", lifetime=DAY)) for _ in range(20)]

    assert len({each.serial_number for each in made}) == 20
    keys = [each.public_key() for each in made]
    assert (
        len({k.public_numbers().x for k in keys if isinstance(k, ec.EllipticCurvePublicKey)}) == 20
    )


def test_the_key_belongs_to_the_certificate_and_is_not_shown(tmp_path: Path) -> None:
    """P-256, and out of every log."""
    made = opened(tmp_path).issue("web", lifetime=DAY)

    key = load_pem_private_key(made.key.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key() == leaf(made).public_key()
    assert key.curve.name == "secp256r1"
    assert "PRIVATE" not in repr(made)


def test_what_it_signs_is_checked_by_its_root_alone(tmp_path: Path) -> None:
    """By a foreign verifier (RFC 5280): its own pass, those of another authority do not."""
    authority, other = opened(tmp_path / "a"), opened(tmp_path / "b")
    store = Store([x509.load_pem_x509_certificate(authority.root.encode())])
    verifier = PolicyBuilder().store(store).time(NOW).build_client_verifier()

    verifier.verify(leaf(authority.issue("web", lifetime=DAY)), [])
    with pytest.raises(VerificationError):
        verifier.verify(leaf(other.issue("web", lifetime=DAY)), [])


def test_openssl_takes_what_it_signs(tmp_path: Path) -> None:
    """Strictly, for both purposes."""
    authority = Authority.open(tmp_path, "shop", now=lambda: datetime.now(UTC))
    (tmp_path / "leaf.pem").write_text(authority.issue("web", lifetime=DAY).chain)

    for purpose in ("sslclient", "sslserver"):
        command = ["openssl", "verify", "-x509_strict", "-purpose", purpose]
        done = subprocess.run(
            [*command, "-CAfile", tmp_path / "authority.crt", tmp_path / "leaf.pem"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_the_root_is_made_once(tmp_path: Path) -> None:
    """Private, of ten years, the same for all who open it, also at the same moment."""
    with ThreadPoolExecutor(8) as pool:
        roots = set(pool.map(lambda _: opened(tmp_path / "keys").root, range(8)))

    file = tmp_path / "keys" / "authority.pem"
    root = x509.load_pem_x509_certificate(roots.pop().encode())
    constraints = root.extensions.get_extension_for_class(x509.BasicConstraints)
    assert not roots
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert root.not_valid_after_utc - NOW == DAY * 3650
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert sorted(os.listdir(file.parent)) == ["authority.crt", "authority.pem"]
    assert "PRIVATE" not in (file.parent / "authority.crt").read_text()


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    """The error says what to do."""
    opened(tmp_path)
    (tmp_path / "authority.pem").chmod(0o644)

    with pytest.raises(StoreError, match=r"others may read its key.*chmod 600"):
        opened(tmp_path)


def test_a_damaged_or_ended_root_is_told(tmp_path: Path) -> None:
    """Instead of signing what nobody would accept."""
    opened(tmp_path / "old")
    with pytest.raises(StoreError, match="it ended 2036"):
        opened(tmp_path / "old", at=NOW + DAY * 3651)

    opened(tmp_path / "cut")
    file = tmp_path / "cut" / "authority.pem"
    file.write_text(file.read_text()[:100])
    with pytest.raises(StoreError, match="cannot read the authority"):
        opened(tmp_path / "cut")

    opened(tmp_path / "mixed")
    one, two = (tmp_path / name / "authority.pem" for name in ("mixed", "old"))
    mark = "-----BEGIN CERTIFICATE-----"
    one.write_text(one.read_text().split(mark)[0] + mark + two.read_text().split(mark)[1])
    with pytest.raises(StoreError, match="its key is not its certificate's"):
        opened(tmp_path / "mixed")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "A", "é", "a\n", "*", "a%2fb"])
def test_a_name_that_is_no_segment_has_no_identity(name: str) -> None:
    """No name can stand for another service, or for more than one."""
    with pytest.raises(ValueError, match="cannot name an identity"):
        spiffe_id("shop", name)
    with pytest.raises(ValueError, match="cannot name an identity"):
        spiffe_id(name, "web")


def test_a_server_certificate_is_no_identity(tmp_path: Path) -> None:
    """It names hosts and addresses, serves servers only, and no service."""
    made = leaf(opened(tmp_path).issue_server(["localhost", "127.0.0.1", "::1"], lifetime=DAY))

    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uses = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == []
    assert list(uses) == [ExtendedKeyUsageOID.SERVER_AUTH]
