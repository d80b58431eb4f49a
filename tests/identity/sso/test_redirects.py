"""Where a browser may be sent after a login."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.identity.sso.redirects import HOME, MAX_RETURN, safe_return

OWN = "https://app.example.com"
HOST = "evil.test"
_CONTROL = [chr(code) for code in (*range(1, 33), 0x7F, 0x85, 0xA0)]
_CODED = [f"%{code:02x}" for code in (0, 8, 9, 10, 11, 12, 13, 32, 0x2F, 0x5C, 0x7F)]
_WIDE = ["\u2028", "\u2029", "\u3000", "\u200b", "\ufeff", "\uff0f", "\u2044", "\u2215", "\u29f8"]
_SLASHES = ["//", "///", "////", "/\\", "\\/", "\\\\", "\\", "/\\/", "//\\", "\\\\\\"]
_SCHEMES = [
    "http:",
    "https:",
    "http:/",
    "https:/",
    "http://",
    "https://",
    "HTTPS://",
    "htTps:///",
    "javascript:alert(1)//",
    "java\tscript:alert(1)//",
    "data:text/html,",
    "vbscript:",
    "ftp://",
    "file:///",
    "blob:https://",
    "ws://",
    "//https:",
    "/http://",
    "\thttps://",
    "https:\\\\",
]
_OTHER = [
    "//2130706433",
    "//0x7f000001",
    "//0177.0.0.1",
    "//127.1",
    "//[::1]",
    "//[::ffff:1.2.3.4]",
    "//localhost",
    "//evil",
    "//evil。test",
    "//evil\uff0etest",
    "//ⓔvil.test",
    "//\u0435vil.test",
    f"{OWN}@{HOST}/",
    f"{OWN}.{HOST}/",
    f"{OWN}:pass@{HOST}/",
    f"{OWN}%40{HOST}/",
    f"{OWN}%2e{HOST}",
    f"{OWN}#@{HOST}/",
    f"{OWN}\\@{HOST}/",
    f"{OWN}?@{HOST}/",
    f"{OWN}:443@{HOST}/",
    f"{OWN}evil.test",
    f"https://{HOST}?{OWN}",
    f"https://{HOST}#{OWN}/",
    f"https://{HOST}\\{OWN}/",
    "http://app.example.com/",
    "https://app.example.com:8443/",
    f"https://app.example.com\t.{HOST}/",
    "//app.example.com/",
    "//app.example.com@evil.test/",
    "https:app.example.com",
    f"{OWN}//{HOST}",
    f"{OWN}/\\{HOST}",
    f"/.//{HOST}",
    f"/..//{HOST}",
    f"/a/..//{HOST}",
    f"/./\\{HOST}",
    f"/%2e%2e//{HOST}",
    "/../a",
    "/./a",
    "/a/../b",
    "/%2e/a",
    "/%2E%2e/a",
    "/a/%2e%2e/b",
    f"/%2f{HOST}",
    f"/%2f%2f{HOST}",
    f"/%5c{HOST}",
    f"/%5C%5C{HOST}",
    f"/%252f{HOST}",
    f"/%255c{HOST}",
    f"/%25%32%66{HOST}",
    f"/%c0%af{HOST}",
    f"/%e0%80%af{HOST}",
    f"/%ef%bc%8f{HOST}\\",
    "/%zz",
    "/%",
    "/%2",
    "/a%",
    "/a\x00",
    "/a\x00b",
    "",
    " ",
    "a",
    "a/b",
    "?a=b",
    "#a",
    "./a",
    "../a",
    ".",
    "..",
    "*",
    "@evil.test",
    ":80/",
    "/a#b",
    "/a#//evil.test",
    "/a<b",
    '/a"b',
    "/a|b",
    "/a^b",
    "/a`b",
    "/a{b}",
    "/a[b]",
    "/ä",
    "/a?b=ä",
    "/a?b= c",
    "/a?b=\\",
    "/a?b=\n",
    "/a?%",
    "/a?b=%g1",
    f"//;@{HOST}",
    f"/;//{HOST}",
    f"/a;//{HOST}",
    f"//{HOST}/%2f..",
    f"//{HOST}/..;/css",
    f"/.{HOST}//x",
    f"/\u200b/{HOST}",
    f"/<>//{HOST}",
    f"\\x2f\\x2f{HOST}",
    f"\\u002f\\u002f{HOST}",
    f"〱{HOST}",
    f"〵{HOST}",
    f"ゝ{HOST}",
    f"ー{HOST}",
    f"ｰ{HOST}",
    "/" + "a" * MAX_RETURN,
]
ATTACKS = [
    *[f"{slashes}{HOST}" for slashes in _SLASHES],
    *[f"{slashes}{HOST}/a/..;/b" for slashes in _SLASHES],
    *[f"{scheme}{HOST}" for scheme in _SCHEMES],
    *[f"/{odd}/{HOST}" for odd in (*_CONTROL, *_CODED, *_WIDE)],
    *[f"{odd}//{HOST}" for odd in (*_CONTROL, *_CODED, *_WIDE)],
    *[f"/{odd}\\{HOST}" for odd in (*_CONTROL, *_CODED, *_WIDE)],
    *[f"/.{odd}/{HOST}" for odd in (*_CONTROL, *_CODED)],
    *_OTHER,
]
GOOD = [
    "/",
    "/a",
    "/a/",
    "/a/b.html",
    "/a?b=c",
    "/a?b=c&d=%2Fe",
    "/a-b_c~d/!$&'()*+,;=:@",
    "/auth/authorize?redirect_uri=https%3A%2F%2Fclient.test%2Fback&state=%0A",
    "/%C3%A9t%C3%A9",
    "/a?b=/c//d",
    "/a?",
    "/.well-known/x",
    "/a..b",
    "/...",
]


def test_the_classes_are_many() -> None:
    """More than 150 attacks, no two the same."""
    assert len(set(ATTACKS)) >= 150


@pytest.mark.parametrize("url", sorted(set(ATTACKS)), ids=ascii)
def test_an_attack_leads_home(url: str) -> None:
    """Whatever a browser would make of it."""
    assert safe_return(url, OWN) == HOME


@pytest.mark.parametrize("url", GOOD)
def test_a_path_of_ours_is_kept(url: str) -> None:
    """Also as a whole address of ours."""
    assert safe_return(url, OWN) == url
    assert safe_return(OWN + url, OWN) == url


def test_nothing_asked_leads_home() -> None:
    """No wish, no surprise."""
    assert safe_return(None, OWN) == HOME


@given(st.text(alphabet="/\\.@:%#?;&=0159afAFxe\t\n\r \x00-_~ä\uff0f", max_size=40))
def test_no_text_leads_away(url: str) -> None:
    """What comes out is a path, plain to every reader, of our own origin."""
    path = safe_return(url, OWN)

    assert path.startswith("/")
    assert path.isascii()
    assert path.isprintable()
    assert not path.startswith(("//", "/\\"))
    assert (urlsplit(path).netloc, urlsplit(path).scheme) == ("", "")


@pytest.mark.parametrize("slashes", ["//", "/\\", "\\/", "\\\\"])
def test_two_slashes_of_any_kind(slashes: str) -> None:
    """Browsers take both kinds for one."""
    assert safe_return(f"{slashes}{HOST}", OWN) == HOME
