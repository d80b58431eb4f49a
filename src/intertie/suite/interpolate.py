"""`${env:X}`, `${file:path}`, `${command:…}` and `${secret:name}` in values; `$${` is a `${`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from intertie.errors import Fault
from intertie.suite import secret
from intertie.suite.nearest import nearest
from intertie.suite.tree import Entry, Items, Keys, Node, Place, Scalar, Table

_TOKEN = re.compile(r"\$\$\{|\$\{([^{}]*)(\}?)")
_ENV = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::([-?])(.*))?", re.DOTALL)
_SECRET = re.compile(secret.NAME)
_KINDS = ("command", "env", "file", "secret")


class MissingError(Exception):
    """Something named in a value is not to be had."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where values come from."""

    env: Mapping[str, str]
    read_file: Callable[[str], str]
    """The text of a file given by its path; raises MissingError."""
    run_command: Callable[[str], str]
    """What a command prints; raises MissingError."""


_Walk: TypeAlias = tuple[Sources, list[Fault]]


def interpolate(tree: Table, sources: Sources, faults: list[Fault]) -> Table:
    """The tree with every reference replaced, except secrets, which stay references."""
    return _table(tree, (), (sources, faults))


def _table(table: Table, keys: Keys, to: _Walk) -> Table:
    entries = {
        key: Entry(entry.place, _walk(entry.node, (*keys, key), entry.place, to))
        for key, entry in table.entries.items()
    }
    return Table(entries, table.place)


def _walk(node: Node, keys: Keys, place: Place, to: _Walk) -> Node:
    if isinstance(node, Table):
        return _table(node, keys, to)
    if isinstance(node, Items):
        walked = [_walk(item, (*keys, i), item.place, to) for i, item in enumerate(node.items)]
        return Items(tuple(walked), node.place)
    if isinstance(node.value, str) and "${" in node.value:
        text = expand(node.value, keys, place, *to)
        return Scalar(text, node.text, node.place)
    return node


def expand(text: str, keys: Keys, place: Place, sources: Sources, faults: list[Fault]) -> str:
    """One value. Each reference that cannot be replaced is a fault of its own."""
    keeps_secrets = _may_hold_secrets(keys)
    done, pending, end = "", "", 0
    for token in _TOKEN.finditer(text):
        pending += text[end : token.start()]
        end = token.end()
        kind, _, name = (token[1] or "").partition(":")
        try:
            if token[1] is None:
                pending += "${"
            elif kind == "secret" and token[2]:
                _check_secret(name, keeps_secrets)
                done += secret.literal(pending)
                done += secret.reference(name, after=done)
                pending = ""
            else:
                pending += _value(token, kind, name, sources)
        except MissingError as exc:
            faults.append(place.fault(keys, exc.message, exc.hint))
    pending += text[end:]
    return done + (secret.literal(pending) if keeps_secrets else pending)


def _value(token: re.Match[str], kind: str, name: str, sources: Sources) -> str:
    if not token[2]:
        nested = token.string.startswith("{", token.end())
        why = "a reference cannot hold another one" if nested else f"`{token[0]}` has no `}}`"
        raise MissingError(why)
    if kind == "env":
        return _variable(name, sources.env)
    if kind == "file":
        return sources.read_file(name)
    if kind == "command":
        return sources.run_command(name)
    close = nearest(kind, _KINDS)
    hint = f"write ${{env:{token[1]}}}, or $${{ for a literal ${{"
    if close is not None:
        hint = f"did you mean ${{{close}:{name}}}?"
    kinds = "${env:…}, ${file:…}, ${command:…} or ${secret:…}"
    raise MissingError(f"expected {kinds}, got {token[0]}", hint)


def _variable(name: str, env: Mapping[str, str]) -> str:
    match = _ENV.fullmatch(name)
    if match is None:
        why = (
            f"expected ${{env:NAME}}, ${{env:NAME:-default}} or ${{env:NAME:?message}}, got {name}"
        )
        raise MissingError(why)
    variable, operator, rest = match.groups()
    value = env.get(variable, "")
    if operator == "-":
        return value or rest
    if operator == "?" and not value:
        raise MissingError(f"environment variable {variable} is empty or not set: {rest}")
    if variable not in env:
        hint = f"set it, write it into .env, or give a default: ${{env:{variable}:-…}}"
        raise MissingError(f"environment variable {variable} is not set", hint)
    return value


def _check_secret(name: str, allowed: bool) -> None:
    if _SECRET.fullmatch(name) is None:
        why = f"expected a secret's name of letters, digits, `_`, `.` and `-`, got {name!r}"
        raise MissingError(why)
    if not allowed:
        why = "a secret can stand in `environment`, `headers`, and keys for secrets only"
        raise MissingError(why, "everything else is shown to people or to other processes")


def _may_hold_secrets(keys: Keys) -> bool:
    match keys:
        case (
            ("services", _, "environment", _)
            | ("logging", "forward", _, "headers", _)
            | ("bus", "password")
            | ("identity", "providers", _, "client_secret" | "bind_password")
            | ("identity", "clients", _, "client_secret")
            | ("identity", "clients", _, "client_secret", _)
            | ("integrations", _, "config", *_)
            | ("monitoring", "channels", _, "url" | "secret" | "password")
            | ("monitoring", "remote_write", _, "headers", _)
            | ("monitoring", "dead_mans_switch", "send", _, "url" | "secret")
            | ("monitoring", "dead_mans_switch", "expect", _, "secret")
            | ("automation", "backup", "password")
            | ("automation", "task_automation", "backup_automation", "password")
            | ("automation", "task_automation", "backup_automation", "sources", _, "url")
            | ("automation", "task_automation", "backup_automation", "sources", _, "access_key")
            | ("automation", "task_automation", "backup_automation", "sources", _, "secret_key")
            | ("automation", "backup", "sources", _, "url" | "access_key" | "secret_key")
            | ("sealing", "secret")
            | ("sealing", "kv", "token")
            | ("tenants", _, "integrations", _, "config", *_)
        ):
            return True
        case _:
            return False
