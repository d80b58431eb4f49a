"""Paths with names in braces."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.gateway.openapi.template import Template


def match(path: str, text: str) -> tuple[str, ...] | None:
    """The values of the last segment's names."""
    template = Template.of(path)
    assert template is not None
    return template.segments[-1].match(text)


@pytest.mark.parametrize(
    ("path", "text", "values"),
    [
        ("/a", "a", ()),
        ("/a", "b", None),
        ("/{id}", "7", ("7",)),
        ("/{id}", "", None),
        ("/{id}.json", "7.json", ("7",)),
        ("/{id}.json", ".json", None),
        ("/{id}.json", "7.xml", None),
        ("/v{a}-{b}.x", "v1-2-3.x", ("1", "2-3")),
        ("/v{a}-{b}.x", "v1.x", None),
        ("/{a}:{b}", "1:", None),
    ],
)
def test_a_segment_gives_its_values(path: str, text: str, values: tuple[str, ...] | None) -> None:
    """Each is as short as it can be, and never empty."""
    assert match(path, text) == values


@pytest.mark.parametrize(
    "path", ["", "a", "/{a}{b}", "/{}", "/{a", "/a}", "/a?b", "/a b", "/" + "a/" * 70, "/{a/b}"]
)
def test_what_is_no_path_has_no_template(path: str) -> None:
    """Names right after names could be split in many ways."""
    assert Template.of(path) is None


def test_paths_of_the_same_requests_have_one_shape() -> None:
    """Whatever their names."""
    one, other = Template.of("/a/{id}.json/{x}"), Template.of("/a/{sid}.json/{y}")

    assert one is not None
    assert other is not None
    assert one.shape == other.shape == "/a/{}.json/{}"
    assert one.names == ("id", "x")


def test_matching_is_never_slow() -> None:
    """Each character is looked at once, whatever the document and the request say."""
    template = Template.of("/" + "".join(f"{{n{i}}}a" for i in range(100)) + "b")
    assert template is not None
    began = time.process_time()

    assert template.segments[0].match("a" * 60_000 + "c") is None
    assert time.process_time() - began < 0.5


@given(st.text(), st.text())
def test_any_text_is_matched_or_not(path: str, text: str) -> None:
    """Nothing raises."""
    if (template := Template.of("/" + path)) is not None:
        template.segments[-1].match(text)
