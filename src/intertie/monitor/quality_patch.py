"""Proposals as changes of a suite file's text: one line each, the rest stays as it is."""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import unified_diff

from intertie.monitor.quality import Proposal

_RULE = r"(?P<indent>[ ]*)(?P<name>['\"]?{name}['\"]?)[ ]*:"


def patch(text: str, name: str, proposals: Mapping[str, Sequence[Proposal]]) -> str:
    """A unified diff of the file called `name`; rules that it does not name are left out."""
    changed = text
    for rule, wanted in proposals.items():
        for each in wanted:
            changed = _with(changed, rule, each) or changed
    old, new = text.splitlines(keepends=True), changed.splitlines(keepends=True)
    return "".join(unified_diff(old, new, f"a/{name}", f"b/{name}"))


def fits(text: str, rule: str) -> bool:
    """Whether the file has the rule below a name of its own."""
    return _place(text.splitlines(keepends=True), rule) is not None


def _with(text: str, rule: str, proposal: Proposal) -> str | None:
    lines = text.splitlines(keepends=True)
    at = _place(lines, rule)
    if at is None:
        return None
    head = re.match(_RULE.format(name=re.escape(rule)), lines[at])
    indent = head["indent"] if head else ""
    rest = lines[at][head.end() :].lstrip() if head else ""
    said = f"{proposal.key}: {proposal.value}"
    if rest.startswith("{"):
        lines[at] = _in_line(lines[at], proposal, said)
        return "".join(lines)
    last = next((n for n in range(at + 1, len(lines)) if _is_out(lines[n], indent)), len(lines))
    old = re.compile(rf"[ ]+{proposal.key}[ ]*:")
    known = next((n for n in range(at + 1, last) if old.match(lines[n])), None)
    inner = _indent_of(lines[at + 1 : last]) or f"{indent}  "
    if known is not None:
        lines[known] = f"{inner}{said}\n"
    else:
        lines.insert(at + 1, f"{inner}{said}\n")
    return "".join(lines)


def _in_line(line: str, proposal: Proposal, said: str) -> str:
    """Of a rule that is written as `Name: {expr: …}`."""
    old = re.compile(rf"(?<=[{{, ]){proposal.key}[ ]*:[ ]*[^,}}]+")
    if old.search(line):
        return old.sub(said, line, count=1)
    return line.replace("{", f"{{{said}, ", 1)


def _place(lines: Sequence[str], rule: str) -> int | None:
    """Where the rule is: below `rules`, which is below `alerts`."""
    head = re.compile(_RULE.format(name=re.escape(rule)))
    above = False
    for number, line in enumerate(lines):
        above = above or re.match(r"[ ]+rules[ ]*:[ ]*$", line) is not None
        if above and head.match(line):
            return number
    return None


def _is_out(line: str, indent: str) -> bool:
    """Whether the line is no more part of what is indented deeper."""
    bare = line.strip()
    return bool(bare) and len(line) - len(line.lstrip(" ")) <= len(indent)


def _indent_of(lines: Iterable[str]) -> str:
    found = next((line for line in lines if line.strip()), "")
    return found[: len(found) - len(found.lstrip(" "))]
