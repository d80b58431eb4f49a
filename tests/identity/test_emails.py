"""E-mail addresses: the domain that decides is the one that would get the mail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.identity.emails import domain_of, email_is_allowed, normal

DOMAINS = ("example.com", "Xn--Bcher-Kva.example")


@pytest.mark.parametrize(
    "email",
    [
        "ann@example.com",
        "Ann.Smith+news@EXAMPLE.COM",
        "o'neil@example.com",
        "ann@xn--bcher-kva.example",
        "a@eXample.cOm",
    ],
)
def test_the_exact_domain_is_allowed(email: str) -> None:
    """In whatever case."""
    assert email_is_allowed(email, DOMAINS)


@pytest.mark.parametrize(
    "email",
    [
        # two @: which of them counts depends on who parses
        "eve@evil.test@example.com",
        "eve@example.com@evil.test",
        '"eve@evil.test"@example.com',
        '"eve@example.com"@evil.test',
        "eve@@example.com",
        # parents, children, neighbours
        "eve@sub.example.com",
        "eve@com",
        "eve@notexample.com",
        "eve@example.com.evil.test",
        "eve@example.comm",
        "eve@.example.com",
        "eve@example..com",
        "eve@-example.com",
        # dots at the end
        "eve@example.com.",
        "eve@example.com..",
        # beyond ASCII: lookalikes, wide letters, dots of other scripts, letters that lower to ASCII
        "eve@bücher.example",
        "eve@\uff45xample.com",
        "eve@ex\u0430mple.com",
        "eve@example\u3002com",
        "eve@EXAMPLE\u2024com",
        "éve@example.com",
        "eve@e\u200bxample.com",
        # comments, names, lists, white space, control characters
        "eve@example.com (evil.test)",
        "eve@evil.test(@example.com)",
        "Eve <eve@example.com>",
        "eve@evil.test,ann@example.com",
        "eve@evil.test;ann@example.com",
        " eve@example.com",
        "eve@example.com ",
        "eve@example.com\n",
        "eve@evil.test\n@example.com",
        "eve@evil.test\0@example.com",
        "eve@evil.test%00@example.com@x",
        "eve@example.com\0.evil.test",
        "eve@[127.0.0.1]",
        # parts that are missing or too long
        "",
        "@",
        "@example.com",
        "eve@",
        "example.com",
        ".eve@example.com",
        "eve.@example.com",
        "e..ve@example.com",
        "e" * 65 + "@example.com",
        "eve@" + "a" * 250 + ".example.com",
    ],
)
def test_everything_else_is_not(email: str) -> None:
    """An address that two programs could read differently is no address."""
    assert not email_is_allowed(email, DOMAINS)


def test_no_domain_allows_nobody() -> None:
    """An empty list is not all domains."""
    assert not email_is_allowed("ann@example.com", ())


@given(email=st.text(alphabet=st.sampled_from('a@.-e\n \0é"(<'), max_size=30))
def test_an_allowed_address_ends_in_the_domain_after_its_only_at(email: str) -> None:
    """Whatever the text: the domain is all that follows the one `@`."""
    domain = domain_of(email)

    if domain is not None:
        assert email.count("@") == 1
        assert email.lower().endswith("@" + domain)
        assert domain.isascii()


def test_two_spellings_are_one_address() -> None:
    """Two accounts that differ in case only would be one person's."""
    assert normal("Ann@Example.com") == normal("ann@example.COM")
