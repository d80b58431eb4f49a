"""Where in a text a mistake is, and what a text must not exceed before it is parsed.

The parser tells what is wrong but not where, and recurses as deep as it is asked to.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence

from intertie.monitor.promql.tree import QueryError

MAX_LENGTH = 10_000
MAX_DEPTH = 50
MAX_OPERATORS = 150
_SHOWN = 100

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|\#[^\n]*)
  | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
  | (?P<word>[\w.:]+(?:(?<=[0-9][eE])[+-][0-9]+)?)
  | (?P<sign>[=!<>]=|=~|!~|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_OPERATORS = frozenset(("+", "-", "*", "/", "%", "^", "==", "!=", "<", ">", "<=", ">="))
_WORDS = frozenset(("and", "or", "unless"))
_ENDINGS = (
    "",
    "x",
    "1",
    '"x"',
    'x="x"',
    '="x"',
    "=x",
    "(x)",
    "(x) (x)",
    "x) (x",
    "1m",
    ":",
    "(",
    "[1m]",
)
"""What may have been about to come; one of them completes any good beginning."""


def check(text: str) -> None:
    """Raise QueryError where the text is too much to be parsed safely."""
    if len(text) > MAX_LENGTH:
        raise _refused(text, f"{len(text)} characters, at most {MAX_LENGTH} are taken")
    depth = operators = 0
    before = ""
    for _, word in _tokens(text):
        depth += (word in _PAIRS) - (word in _PAIRS.values())
        operators += word in _OPERATORS or word.lower() in _WORDS
        if depth > MAX_DEPTH:
            raise _refused(text, f"brackets in more than {MAX_DEPTH} levels")
        if operators > MAX_OPERATORS:
            raise _refused(text, f"more than {MAX_OPERATORS} operators; record parts of it first")
        if before == "@" and word == "-":
            raise _refused(text, "a time after @ is not before 1970")
        before = word


def position(text: str, is_good: Callable[[str], bool]) -> tuple[int, int]:
    """Line and column (1-based) of the first token with which no good expression can go on.

    `is_good` says whether a whole text can be parsed. A text that only ends too early is at
    fault at its end.
    """
    tokens = _tokens(text)
    ends = [start + len(token) for start, token in tokens]

    def is_bad(count: int) -> bool:
        return not _may_go_on(text[: ends[count - 1]], is_good)

    # Once a beginning is bad all longer ones are: the first is found by halving.
    first = bisect_left(range(1, len(tokens) + 1), True, key=is_bad)
    offset = tokens[first][0] if first < len(tokens) else len(text.rstrip())
    line = text.count("\n", 0, offset) + 1
    return line, offset - (text.rfind("\n", 0, offset) + 1) + 1


def _may_go_on(beginning: str, is_good: Callable[[str], bool]) -> bool:
    closing = "".join(reversed(_open(beginning)))
    return any(
        is_good(f"{beginning}{space}{ending}{closing}")
        for ending in _ENDINGS
        for space in ("", " ")
    )


def _open(text: str) -> Sequence[str]:
    waiting: list[str] = []
    for _, token in _tokens(text):
        if token in _PAIRS:
            waiting.append(_PAIRS[token])
        elif waiting and token == waiting[-1]:
            waiting.pop()
    return waiting


def _tokens(text: str) -> Sequence[tuple[int, str]]:
    found = _TOKEN.finditer(text)
    return [(match.start(), match.group()) for match in found if match.lastgroup != "space"]


def _refused(text: str, why: str) -> QueryError:
    return QueryError(f"cannot use query {shown(text)}: {why}")


def shown(text: str) -> str:
    """The text in quotes, cut where it is long."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
