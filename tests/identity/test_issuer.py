"""The suite's own token issuer."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from intertie.errors import ConflictError, StoreError
from intertie.identity.issuer import PUBLISH_S, For, Issuer
from intertie.identity.principal import Principal
from intertie.identity.tokens.jwk import Keys
from intertie.identity.tokens.jws import Policy, Refusal, verify

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADA = Principal("user", "ada", "acme", "Ada", ("admin", "user"), ("staff",), ("orders",))
POLICY = Policy("intertie", "gate")


def _keys(issuer: Issuer) -> KeySet:
    return KeySet([ECKey.import_key(key) for key in issuer.jwks()["keys"]])


def _opened(folder: Path, now: datetime = NOW) -> Issuer:
    return Issuer.open(folder / "keys", clock=lambda: now)


def _taken(issuer: Issuer, token: str, now: datetime = NOW) -> bool:
    keys = Keys.parse(issuer.jwks())
    return not isinstance(verify(token, keys, POLICY, now=now.timestamp()), Refusal)


def _token(issuer: Issuer, now: datetime = NOW) -> str:
    return issuer.mint_for(ADA, For("gate"), now=now)


def test_tokens_verify_against_the_published_keys(tmp_path: Path) -> None:
    """Who holds the JWK Set can check a token and read who it is for."""
    issuer = Issuer.open(tmp_path / "keys")

    token = issuer.mint("ann", now=NOW, audience="intertie", lifetime_s=60, roles=["admin"])

    claims = jwt.decode(token, _keys(issuer)).claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("intertie", "ann", "intertie")
    assert claims["roles"] == ["admin"]
    assert claims["exp"] - claims["iat"] == 60


def test_a_token_says_who_it_is_for_in_every_form(tmp_path: Path) -> None:
    """For libraries as lists, for services as JSON text, for the gateway as plain text."""
    issuer = Issuer.open(tmp_path / "keys", url="https://app.test/auth")
    said = For("gate", client_id="web", sid="s1", grant="g1", scope="openid orders")

    token = issuer.mint_for(ADA, said, now=NOW)

    decoded = jwt.decode(token, _keys(issuer))
    claims = decoded.claims
    assert decoded.header["typ"] == "at+jwt"
    assert claims["iss"] == "https://app.test/auth"
    assert claims["exp"] - claims["iat"] == 3600
    assert (claims["client_id"], claims["sid"], claims["grant"]) == ("web", "s1", "g1")
    assert (claims["roles"], claims["groups"]) == (["admin", "user"], ["staff"])
    assert (claims["principal"], claims["tenant"]) == ("user:ada", "acme")
    assert claims["roles_text"] == ",admin,user,"
    assert json.loads(claims["user"]) == json.loads(ADA.forwarded())
    assert (
        claims["jti"]
        != jwt.decode(issuer.mint_for(ADA, said, now=NOW), _keys(issuer)).claims["jti"]
    )


def test_names_do_not_break_out_of_headers(tmp_path: Path) -> None:
    """What the gateway copies is plain; what services read is as it was."""
    issuer = Issuer.open(tmp_path / "keys")
    odd = Principal("user", "a\r\nb: c", "default", roles=("x,admin",))

    claims = jwt.decode(issuer.mint_for(odd, For("gate"), now=NOW), _keys(issuer)).claims

    assert claims["principal"] == "user:a%0D%0Ab:%20c"
    assert claims["roles_text"] == ",x%2Cadmin,"
    assert claims["sub"] == "a\r\nb: c"


def test_nothing_overrides_what_the_issuer_says(tmp_path: Path) -> None:
    """Whatever is asked to be signed."""
    issuer = Issuer.open(tmp_path / "keys")

    token = issuer.sign({"iss": "evil", "exp": 2**40, "iat": 0}, typ="JWT", now=NOW, lifetime_s=60)

    claims = jwt.decode(token, _keys(issuer)).claims
    assert (claims["iss"], claims["exp"]) == ("intertie", NOW.timestamp() + 60)
    assert not _taken(issuer, token)


def test_the_key_outlives_the_process_and_stays_private(tmp_path: Path) -> None:
    """Opening again finds the same keys; only the owner may read them, and none is published."""
    first = Issuer.open(tmp_path / "keys")

    again = Issuer.open(tmp_path / "keys")

    assert again.jwks() == first.jwks()
    assert all("d" not in key for key in first.jwks()["keys"])
    assert (tmp_path / "keys" / "issuer.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_tokens_of_another_issuer_do_not_verify(tmp_path: Path) -> None:
    """Two suites do not accept each other's tokens."""
    ours, theirs = Issuer.open(tmp_path / "a"), Issuer.open(tmp_path / "b")
    token = theirs.mint("eve", now=NOW, audience="intertie", lifetime_s=60)

    with pytest.raises(JoseError):
        jwt.decode(token, _keys(ours))


def test_a_damaged_key_file_is_named(tmp_path: Path) -> None:
    """The error says which file; it does not repeat its contents."""
    (tmp_path / "issuer.json").write_text("{not json, secret")

    with pytest.raises(StoreError, match=r"cannot read the token key .*issuer\.json") as caught:
        Issuer.open(tmp_path)

    assert "secret" not in str(caught.value)


def test_a_key_is_published_before_it_signs(tmp_path: Path) -> None:
    """Whoever keeps the key set for as long as he may knows every token."""
    later = NOW + timedelta(seconds=PUBLISH_S)
    issuer = _opened(tmp_path)
    before = Keys.parse(issuer.jwks())
    with pytest.raises(ConflictError, match="published just now"):
        issuer.rotate(later - timedelta(seconds=1))

    issuer.rotate(later)

    token = _token(issuer, later)
    assert not isinstance(verify(token, before, POLICY, now=later.timestamp()), Refusal)


def test_tokens_outlive_the_rotation(tmp_path: Path) -> None:
    """The old key is published until its last token has expired, and then no more."""
    later = NOW + timedelta(days=1)
    issuer = _opened(tmp_path)
    token = issuer.mint_for(ADA, For("gate"), now=NOW, lifetime_s=2 * 86400)
    kid = jws.extract_compact(token.encode()).headers()["kid"]

    issuer.rotate(later)

    assert _taken(issuer, token, later)
    published = {key["kid"] for key in _opened(tmp_path, later + timedelta(days=3)).jwks()["keys"]}
    assert kid not in published
    assert len(published) == 2


def test_two_that_share_a_folder_agree(tmp_path: Path) -> None:
    """At once: what one rotates, the other signs with."""
    here, there = _opened(tmp_path), _opened(tmp_path)
    token = _token(there)

    here.rotate(NOW + timedelta(days=1))

    assert there.jwks() == here.jwks()
    assert _taken(here, _token(there))
    assert _taken(here, token)


def test_a_lifetime_is_known_to_whoever_rotates(tmp_path: Path) -> None:
    """Though another process made the long token."""
    here, there = _opened(tmp_path), _opened(tmp_path)
    token = there.mint_for(ADA, For("gate"), now=NOW, lifetime_s=10 * 86400)

    here.rotate(NOW + timedelta(days=1))

    assert _taken(_opened(tmp_path, NOW + timedelta(days=9)), token, NOW + timedelta(days=9))


def test_rotation_is_due_by_age(tmp_path: Path) -> None:
    """Of two processes one does it."""
    here, there = _opened(tmp_path), _opened(tmp_path)
    month = 30 * 86400.0

    assert not here.rotate_when_due(NOW + timedelta(days=29), every_s=month)
    assert here.rotate_when_due(NOW + timedelta(days=30), every_s=month)
    assert not there.rotate_when_due(NOW + timedelta(days=30), every_s=month)


def test_after_a_leak_no_old_token_is_good(tmp_path: Path) -> None:
    """All keys are replaced at once, for all processes."""
    here, there = _opened(tmp_path), _opened(tmp_path)
    token = _token(here)

    there.replace_keys(NOW)

    assert not _taken(here, token)
    assert _taken(there, _token(here))


def test_a_folder_with_one_key_only_keeps_it(tmp_path: Path) -> None:
    """Tokens of before stay good."""
    issuer = _opened(tmp_path)
    token = _token(issuer)
    file = tmp_path / "keys" / "issuer.json"
    one = {name: v for name, v in json.loads(file.read_text()).items() if name != "intertie"}
    file.write_text(json.dumps(one))

    again = _opened(tmp_path)

    assert _taken(again, token)
    assert len(again.jwks()["keys"]) == 2


@pytest.mark.slow
def test_processes_that_open_a_folder_at_once_agree(tmp_path: Path) -> None:
    """One makes the keys."""
    code = (
        "import sys, json; from pathlib import Path;"
        "from intertie.identity.issuer import Issuer;"
        "print('ready', flush=True); sys.stdin.readline();"
        "print(json.dumps(Issuer.open(Path(sys.argv[1])).jwks()))"
    )
    made = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "keys")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for each in made:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    told = {each.communicate("go\n", timeout=120)[0] for each in made}

    assert len(told) == 1
