"""Every part of an expression is found."""

import pytest

from intertie.monitor.promql.nodes import nodes
from intertie.monitor.promql.parse import parse
from intertie.monitor.promql.query import compile
from intertie.monitor.promql.tree import Selector
from tests.monitor.promql.expressions import EXPRESSIONS


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_each_selector_that_is_read_is_found(expression: str) -> None:
    """Also in ranges, subqueries, arguments and parameters."""
    query = compile(expression)

    found = {node.matchers for node in nodes(query.node) if isinstance(node, Selector)}

    assert found == {read.matchers for read in query.reads(0, 0)}


def test_the_expression_itself_is_first() -> None:
    """Then what is within it."""
    whole = parse("topk(scalar(a), -b or c)")

    assert next(nodes(whole)) == whole
