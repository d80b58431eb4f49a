"""How a route about identities takes requests."""

from intertie.api.identity_route import part


def test_a_page_is_a_part_of_the_list() -> None:
    """The last one is short, those after it are empty."""
    found = ["a", "b", "c"]

    assert [part(found, page, 2) for page in (1, 2, 3)] == [["a", "b"], ["c"], []]
