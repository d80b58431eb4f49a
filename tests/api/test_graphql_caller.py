"""Checks of arguments."""

import pytest
from graphql import GraphQLError

from intertie.api.graphql_caller import MOST, between, pages


@pytest.mark.parametrize(("page", "limit"), [(0, 1), (1, 0), (1, MOST + 1), (-1, 1), (10**9, 1)])
def test_a_page_is_within_bounds(page: int, limit: int) -> None:
    """What is not is told by name."""
    with pytest.raises(GraphQLError, match=r"cannot use (page|limit)"):
        pages(page, limit)


def test_both_ends_are_in_the_range() -> None:
    """The value itself comes back."""
    assert [between(value, 1, 3, "x") for value in (1, 3)] == [1, 3]
