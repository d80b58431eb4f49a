"""The signing keys of an issuer in one private file: the next one, the present one, old ones.

The file is the present key as a JWK (RFC 7517), with the others in a member of their own. Any
number of processes may use it: it is replaced as a whole, by one of them at a time.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from intertie.errors import StoreError

FILE = "issuer.json"
_PUBLIC = ("kty", "crv", "x", "y", "kid", "use", "alg")
_MEMBER = "intertie"

Jwk = dict[str, Any]  # Any: members of a JWK, as the library has them
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Old:
    """The public half of a key whose tokens are still about; `until` in seconds since 1970."""

    public: Jwk
    until: float


@dataclass(frozen=True, slots=True)
class Ring:
    """Times are in seconds since 1970."""

    current: ECKey
    since: float
    """When `current` began to sign."""
    coming: ECKey
    """The next one, published already so that nobody is surprised by it."""
    published_at: float
    longest_s: float = 0.0
    """Of the lifetimes of tokens that `current` has signed."""
    old: tuple[Old, ...] = ()

    @classmethod
    def new(cls, now: float) -> Self:
        """With keys nobody has seen."""
        return cls(new_key(), now, new_key(), now)

    def published(self, now: float) -> list[Jwk]:
        """What verifies tokens, now and after the next rotation."""
        keys = [public(self.current), public(self.coming)]
        return [*keys, *(each.public for each in self.old if each.until > now)]

    def turned(self, now: float, spare_s: float) -> Self:
        """One step on: the old key stays published until its last token has expired."""
        retired = Old(public(self.current), now + self.longest_s + spare_s)
        kept = (each for each in self.old if each.until > now)
        return replace(
            self,
            current=self.coming,
            since=now,
            coming=new_key(),
            published_at=now,
            longest_s=0.0,
            old=(retired, *kept),
        )


def new_key() -> ECKey:
    """A P-256 key for ES256, named by its thumbprint."""
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"})
    key.ensure_kid()
    return key


def public(key: ECKey) -> Jwk:
    """What may be published of it."""
    told = key.as_dict(private=False)
    return {name: told[name] for name in _PUBLIC if name in told}


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While inside, no other process changes the keys."""
    handle = os.open(folder / "issuer.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def read(file: Path) -> Ring | None:
    """The keys; None if there are none, or only the present one."""
    return _guarded(file, _parsed)


def complete(file: Path, now: float) -> Ring:
    """The keys when `read` finds none: a present key that is there stays."""
    current = _guarded(file, _one_key)
    return replace(Ring.new(now), current=current) if current else Ring.new(now)


def _guarded(file: Path, parsed: Callable[[Jwk], T]) -> T | None:
    try:
        return parsed(json.loads(file.read_text()))
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise StoreError(f"cannot read the token key {file}: {exc.strerror}") from exc
    except (ValueError, TypeError, KeyError, AttributeError, JoseError) as exc:
        why = f"it is damaged ({type(exc).__name__}); move it away and a new one is made"
        # Not `from exc`: what it says may be part of the key.
        raise StoreError(f"cannot read the token key {file}: {why}") from None


def _one_key(found: Jwk) -> ECKey:
    key = ECKey.import_key({name: value for name, value in found.items() if name != _MEMBER})
    key.ensure_kid()
    return key


def _parsed(found: Jwk) -> Ring | None:
    current, kept = _one_key(found), found.get(_MEMBER)
    if kept is None:
        return None
    return Ring(
        current,
        float(kept["since"]),
        ECKey.import_key(kept["next"]),
        float(kept["published_at"]),
        float(kept["longest_s"]),
        tuple(Old(each["key"], float(each["until"])) for each in kept["old"]),
    )


def write(file: Path, ring: Ring) -> None:
    """Replace the file, for nobody else to read."""
    kept = {
        "since": ring.since,
        "next": ring.coming.as_dict(private=True),
        "published_at": ring.published_at,
        "longest_s": ring.longest_s,
        "old": [{"key": each.public, "until": each.until} for each in ring.old],
    }
    text = json.dumps({**ring.current.as_dict(private=True), _MEMBER: kept})
    fresh = file.with_suffix(".new")
    try:
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(file)
    except OSError as exc:
        raise StoreError(f"cannot write the token key {file}: {exc.strerror}") from exc
