"""Secrets: the suite holds references, `${secret:name}`; values exist from start to spawn only.

Nothing that is shown, logged, stored or sent holds a value: the models keep the reference, and
only whoever builds a process's environment calls `resolve`.
"""

import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from intertie.errors import IntertieError

MAX_SECRET_BYTES = 64 * 1024
NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
"""Also a file name, so it can never leave the folder of secrets."""

_REFERENCE = re.compile(rf"(\$+)\{{secret:(?:({NAME})\}})?")
_LITERAL = re.compile(r"\$+(?=\{secret:)")

Lookup = Callable[[str], SecretStr]


def variable(name: str) -> str:
    """The environment variable that gives a secret: `db-main` is INTERTIE_SECRET_DB_MAIN."""
    return "INTERTIE_SECRET_" + re.sub(r"[^A-Z0-9]", "_", name.upper())


def lookup(env: Mapping[str, str], folder: Path) -> Lookup:
    """Secrets from `env`, else from files of mode 0600 in `folder`.

    The lookup raises IntertieError when there is no such secret or others may read its file.
    """

    def find(name: str) -> SecretStr:
        value = env.get(variable(name))
        return SecretStr(value if value is not None else _read(name, folder / name))

    return find


def _read(name: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                why = f"others may read {path}; run: chmod 600 {path}"
                raise IntertieError(f"cannot read secret {name!r}: {why}")
            content = file.read(MAX_SECRET_BYTES + 1)
    except FileNotFoundError as exc:
        what = f"set {variable(name)} or write it to {path}, mode 0600"
        raise IntertieError(f"cannot read secret {name!r}: it is not there; {what}") from exc
    except OSError as exc:
        raise IntertieError(f"cannot read secret {name!r}: {path}: {exc.strerror}") from exc
    if len(content) > MAX_SECRET_BYTES:
        raise IntertieError(f"cannot read secret {name!r}: {path} is larger than 64 KiB")
    try:
        return content.decode().removesuffix("\n")
    except UnicodeDecodeError:
        # None, because the text of the cause shows bytes of the secret.
        raise IntertieError(f"cannot read secret {name!r}: {path} is not UTF-8 text") from None


def literal(text: str) -> str:
    """`text` spelt so that `resolve` gives it back unchanged, whatever it holds."""
    return _LITERAL.sub(lambda dollars: dollars[0] * 2, text)


def reference(name: str, *, after: str = "") -> str:
    """The spelling of a reference that follows the already spelt text `after`."""
    dollars = len(after) - len(after.rstrip("$"))
    return "$" * dollars + f"${{secret:{name}}}"


def names(text: str) -> tuple[str, ...]:
    """The secrets a text refers to, in order."""
    found = _REFERENCE.finditer(text)
    return tuple(match[2] for match in found if match[2] and len(match[1]) % 2)


def resolve(text: str, find: Lookup) -> str:
    """The text with every reference replaced: for the environment of a process, nowhere else."""

    def replace(match: re.Match[str]) -> str:
        dollars = len(match[1])
        rest = match[0][dollars:]
        if dollars % 2 and match[2]:
            rest = find(match[2]).get_secret_value()
        elif dollars % 2:
            return match[0]
        return "$" * (dollars // 2) + rest

    return _REFERENCE.sub(replace, text)


def _must_refer(value: str) -> str:
    if not names(value):
        raise ValueError("expected a reference such as ${secret:sso}, not the word itself")
    return value


Reference = Annotated[str, AfterValidator(_must_refer)]
"""Text that refers to a secret."""
