"""Readies a bare checkout: uv, the virtual environment, the system packages.

Runs on the system's own Python with nothing but the standard library, because it is what brings
everything else. A second run finds its stamps and does nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)
UV_REQUIREMENT = "uv>=0.13.8,<0.14"
LOCKED_BY = ("uv.lock", "pyproject.toml", "services/media/pyproject.toml")


class BootstrapError(Exception):
    """The machine lacks something this script may not or cannot bring; the text says what to do."""


@dataclass(frozen=True)
class SystemPackage:
    """A Debian package and how to see that its content is there, whoever installed it."""

    name: str
    any_of: tuple[str, ...]  # one present is enough: a program, or an absolute path
    use: str
    instead: str = ""  # what steps in when it is missing; empty means nothing does


_LDAP = "building python-ldap"

RUN_PACKAGES = (
    SystemPackage(
        "ffmpeg",
        ("ffprobe",),
        use="probing and transcoding video",
        instead="the imageio-ffmpeg wheel is used",
    ),
)
TEST_PACKAGES = (
    SystemPackage("ffmpeg", ("ffprobe",), use="making and probing test videos"),
    SystemPackage("chromium", ("chromium", "chromium-browser", "google-chrome"), use="page tests"),
    SystemPackage("nginx-light", ("nginx",), use="tests of paths, benchmarks"),
    SystemPackage("apache2-bin", ("/usr/sbin/apache2",), use="tests of paths, benchmarks"),
    SystemPackage("wrk", ("wrk",), use="load in tests and benchmarks"),
    SystemPackage(
        "rabbitmq-server",
        ("rabbitmq-server", "/usr/lib/rabbitmq/bin/rabbitmq-server"),
        use="tests of checks",
    ),
    SystemPackage("rsyslog", ("rsyslogd",), use="tests of forwarded logs"),
    SystemPackage("slapd", ("slapd",), use="tests of logins by LDAP"),
    *(
        SystemPackage(name, any_of, use=_LDAP, instead="LDAP is not tested")
        for name, any_of in (
            ("libldap2-dev", ("/usr/include/ldap.h",)),
            ("libsasl2-dev", ("/usr/include/sasl/sasl.h",)),
            ("gcc", ("cc",)),
            ("python3-dev", (f"{sysconfig.get_path('include')}/Python.h",)),
        )
    ),
    SystemPackage("xmlsec1", ("xmlsec1",), use="tests of logins by SAML"),
    SystemPackage("prometheus", ("promtool",), use="tests of queries and alerts"),
    SystemPackage("prometheus-alertmanager", ("amtool",), use="tests of exported alerts"),
    SystemPackage("restic", ("restic",), use="tests of backups"),
    SystemPackage("postgresql", ("/usr/lib/postgresql",), use="tests of backups"),
    SystemPackage("borgbackup", ("borg",), use="tests of backups"),
    SystemPackage("haproxy", ("haproxy",), use="benchmarks"),
    SystemPackage("varnish", ("varnishd",), use="benchmarks"),
    SystemPackage(
        "forensics-samples-files",
        ("/usr/share/forensics-samples/original-files",),
        use="real videos for the tests",
    ),
)
PROFILES = {"run": RUN_PACKAGES, "test": TEST_PACKAGES}


def main(argv: Sequence[str] | None = None) -> int:
    """Set up for the profile asked for; the exit code."""
    parser = argparse.ArgumentParser(description="Set up the project.")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="run")
    profile = parser.parse_args(argv).profile
    try:
        require_python(sys.version_info[:2])
        ensure_system_packages(PROFILES[profile])
        ensure_environment(ROOT, uv=ensure_uv(ROOT))
    except BootstrapError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    return 0


def require_python(version: tuple[int, int]) -> None:
    """Refuse a Python that is too old to run Intertie."""
    if version < OLDEST_PYTHON:
        raise BootstrapError(
            f"cannot set up: Python {version[0]}.{version[1]} is older than 3.11; "
            "name a newer one with `make PYTHON=python3.11 setup`"
        )


def ensure_system_packages(packages: Iterable[SystemPackage]) -> None:
    """Install what is missing when root; else say the command, and stop if nothing steps in."""
    absent = missing(packages)
    if not absent:
        return
    if can_install():
        apt_install([package.name for package in absent])
        absent = missing(absent)
    for package in absent:
        if package.instead:
            say(f"{package.name} is missing ({package.use}): {package.instead}")
    needed = [package for package in absent if not package.instead]
    if needed:
        uses = ", ".join(f"{package.name} ({package.use})" for package in needed)
        raise BootstrapError(f"cannot set up: missing {uses}; {how_to_install(needed)}")
    if absent:
        say(how_to_install(absent))


def missing(packages: Iterable[SystemPackage]) -> list[SystemPackage]:
    """Those of `packages` whose content is nowhere on this machine."""
    return [package for package in packages if not any(map(is_present, package.any_of))]


def is_present(thing: str) -> bool:
    """Whether a program is found, or an absolute path exists."""
    if thing.startswith("/"):
        return Path(thing).exists()
    # A plain user's PATH on Debian leaves out the folder where nginx lives.
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"))
    return shutil.which(thing, path=path) is not None


def can_install() -> bool:
    """Whether this process may run apt-get."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def how_to_install(packages: Iterable[SystemPackage]) -> str:
    """What a person has to type."""
    names = " ".join(package.name for package in packages)
    if shutil.which("apt-get") is None:
        return f"install what Debian calls: {names}"
    return f"run: sudo apt-get update && sudo apt-get install -y --no-install-recommends {names}"


def apt_install(names: Sequence[str]) -> None:
    """Install Debian packages, as root."""
    say(f"installing {' '.join(names)}")
    install = ["apt-get", "install", "-y", "--no-install-recommends", *names]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # A fresh machine has no package list at all, an old one a list of versions that are gone.
    for command in (["apt-get", "update"], install):
        run(command, "install " + " ".join(names), environment=environment)


def ensure_uv(root: Path) -> Path:
    """The path of a uv of the wanted version, in a virtual environment of its own."""
    home = root / ".cache" / "uv"
    binary = home / "bin" / "uv"
    stamp = home / "requirement"
    if binary.exists() and read(stamp) == UV_REQUIREMENT:
        return binary
    say(f"installing {UV_REQUIREMENT}")
    make_venv(home)
    run([str(home / "bin" / "python"), "-m", "pip", "install", UV_REQUIREMENT], "install uv")
    stamp.write_text(UV_REQUIREMENT)
    return binary


def make_venv(home: Path) -> None:
    """Create a virtual environment with pip, bringing Debian's python3-venv when it may."""
    command = [sys.executable, "-m", "venv", "--clear", str(home)]
    if not has_ensurepip():
        package = venv_package(sys.version_info[:2])
        if not can_install():
            raise BootstrapError(
                "cannot set up: this Python cannot make a virtual environment with pip; "
                f"{how_to_install([package])}"
            )
        apt_install([package.name])
    run(command, "make a virtual environment")


def has_ensurepip() -> bool:
    """Whether `python3 -m venv` can work here: Debian ships ensurepip apart."""
    # In a process of its own: a module found missing stays missing for this one.
    probe = [sys.executable, "-c", "import ensurepip"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def venv_package(version: tuple[int, int]) -> SystemPackage:
    """The Debian package that completes a Python of this version."""
    name = f"python{version[0]}.{version[1]}-venv"
    return SystemPackage(name, (), use="virtual environments")


def ensure_environment(root: Path, *, uv: Path) -> None:
    """Bring `.venv` to exactly what uv.lock says, when anything it depends on has changed."""
    home = root / ".venv"
    stamp = home / "intertie-setup"
    groups = groups_for_this_machine()
    wanted = f"{root}\n{fingerprint(root)} {' '.join(groups)}".rstrip()
    found = read(stamp)
    if found == wanted:
        return
    if found and found.split("\n")[0] != str(root):
        shutil.rmtree(home)  # a copied tree: the scripts in it still name the old folder
    say("installing the locked dependencies into .venv")
    sync = [str(uv), "sync", "--frozen", "--python", sys.executable, *groups]
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "UV_PROJECT_ENVIRONMENT": ".venv"}
    environment.pop("VIRTUAL_ENV", None)
    run(sync, "install the dependencies", environment=environment, folder=root)
    stamp.write_text(wanted)


def groups_for_this_machine() -> tuple[str, ...]:
    """What is built from source comes where there is what it is built with."""
    needed = [each for each in TEST_PACKAGES if each.use == _LDAP]
    return ("--group", "ldap") if not missing(needed) else ()


def fingerprint(root: Path) -> str:
    """A digest of all that decides what belongs into the virtual environment."""
    digest = hashlib.sha256(f"{sys.executable} {sys.version}".encode())
    for name in LOCKED_BY:
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def run(
    command: Sequence[str],
    purpose: str,
    *,
    environment: dict[str, str] | None = None,
    folder: Path | None = None,
) -> None:
    """Run a command to its end; what it printed is shown only if it failed."""
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except OSError as exc:
        raise BootstrapError(f"cannot {purpose}: {exc}") from exc
    if done.returncode:
        said = f"`{' '.join(command)}` exited with {done.returncode}"
        raise BootstrapError(f"{done.stdout}cannot {purpose}: {said}")


def read(path: Path) -> str:
    """The text of a stamp; empty when there is none."""
    return path.read_text() if path.exists() else ""


def say(text: str) -> None:
    """Tell the person at the terminal what goes on."""
    sys.stderr.write(f"setup: {text}\n")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
