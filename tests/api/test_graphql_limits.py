"""How much an operation may ask for."""

import pytest
from graphql import get_introspection_query, parse, specified_rules, validate
from graphql.validation import MaxIntrospectionDepthRule

from intertie.api.graphql_limits import MAX_ALIASES, MAX_DEPTH, Limits
from intertie.api.graphql_schema import SCHEMA


def faults(text: str) -> list[str]:
    """What is said against an operation."""
    rules = [*specified_rules, MaxIntrospectionDepthRule, Limits]
    return [error.message for error in validate(SCHEMA._schema, parse(text), rules)]


@pytest.mark.parametrize(
    "text",
    [
        get_introspection_query(),
        "{services{items{name status dependsOn replicas{index state pid port reason}}}}",
        "{services(limit: 1000){items{name status replicas{state}}}}",
        "{changes(limit: 100){items{id title steps{action service status error}}}}",
        "subscription{events{id type data}}",
    ],
)
def test_what_programs_ask_for_is_answered(text: str) -> None:
    """The usual introspection query too."""
    assert faults(text) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "{" + " ".join(f"a{n}: health{{status}}" for n in range(MAX_ALIASES + 1)) + "}",
            "aliases",
        ),
        (
            "fragment f on Query {" + " ".join(f"a{n}: __typename" for n in range(20)) + "}"
            " query {...f ...g} fragment g on Query {"
            + " ".join(f"b{n}: __typename" for n in range(20))
            + "}",
            "aliases",
        ),
        ("{changes(limit: 1000){items{id steps{why action service}}}}", "cost"),
        (
            "{a: logs(tail: 1000){service replica stream text} " * 1
            + " ".join(f"b{n}: logs(tail: 1000){{service replica stream text}}" for n in range(9))
            + "}",
            "cost",
        ),
        (
            "{__schema{types{fields{type{fields{type{fields{type{fields{name}}}}}}}}}}",
            "introspection depth",
        ),
    ],
)
def test_what_asks_for_too_much_is_refused(text: str, why: str) -> None:
    """Before any of it is run, with what to do."""
    assert any(why in fault for fault in faults(text)), faults(text)


def test_depth_is_counted_through_fragments() -> None:
    """However it is written."""
    parts = [f"fragment f{n} on __Type {{ofType{{...f{n + 1}}}}}" for n in range(MAX_DEPTH)]
    last = f"fragment f{MAX_DEPTH} on __Type {{name}}"
    text = '{__type(name: "Query"){...f0}} ' + " ".join([*parts, last])

    assert any(f"at most {MAX_DEPTH}" in fault for fault in faults(text))


def test_many_fragments_are_measured_quickly() -> None:
    """Each once: forty that double each other would be a million million fields."""
    doubling = [
        f"fragment f{n} on Query {{...f{n + 1} x{n}: health{{status}} ...f{n + 1}}}"
        for n in range(40)
    ]
    text = "{...f0} " + " ".join(doubling) + " fragment f40 on Query {__typename}"

    assert any("aliases" in fault for fault in faults(text))


def test_a_fragment_within_itself_is_refused_and_ends() -> None:
    """By the specification's own rule."""
    assert any("itself" in fault for fault in faults("{...a} fragment a on Query {...a}"))


def test_a_number_in_a_variable_counts_as_the_usual_one() -> None:
    """Its value is not known then; the resolver checks it."""
    assert faults("query($n: Int!){services(limit: $n){items{name replicas{state}}}}") == []
