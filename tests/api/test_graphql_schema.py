"""The GraphQL schema."""

import ast
from pathlib import Path

from graphql import GraphQLObjectType, build_schema

from intertie.api import graphql_mutations, graphql_queries
from intertie.api.graphql_schema import render

SCHEMA = build_schema(render())


def test_it_is_the_same_each_time() -> None:
    """The published file changes only when the API does."""
    assert render() == render()
    assert render().endswith("}\n")


def test_every_field_of_the_roots_says_what_it_is() -> None:
    """A person reads it in an explorer."""
    for root in (SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type):
        assert isinstance(root, GraphQLObjectType)
        assert all(field.description for field in root.fields.values()), root.name


def test_every_resolver_is_in_the_schema() -> None:
    """None is written and forgotten."""
    written = set()
    for module in (graphql_queries, graphql_mutations):
        tree = ast.parse(Path(str(module.__file__)).read_text())
        functions = (n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
        written |= {each.name for each in functions if not each.name.startswith("_")}
    roots = (SCHEMA.query_type, SCHEMA.mutation_type)
    shown = {name for root in roots if root for name in root.fields}
    assert SCHEMA.subscription_type
    shown |= {f"follow_{name}" for name in SCHEMA.subscription_type.fields}

    assert {name.replace("_", "") for name in written} == {
        name.replace("_", "").lower() for name in shown
    }
