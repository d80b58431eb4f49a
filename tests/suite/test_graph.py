from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.suite.graph import cycles, layers

NAMES = "abcdefgh"
GRAPHS = st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES)), max_size=8)


def test_a_cycle_is_named_from_its_first_name_by_alphabet() -> None:
    """The same ring always reads the same."""
    assert cycles({"c": ["b"], "b": ["a"], "a": ["c"]}) == [("a", "c", "b", "a")]
    assert cycles({"a": ["a"]}) == [("a", "a")]


def test_every_ring_is_named() -> None:
    """Two rings, two ways."""
    needs = {"a": ["b"], "b": ["a"], "c": ["d", "a"], "d": ["c"]}

    assert cycles(needs) == [("a", "b", "a"), ("c", "d", "c")]


def test_a_long_chain_is_no_trouble() -> None:
    """Longer than Python's stack."""
    needs = {str(n): [str(n + 1)] for n in range(5000)}

    assert cycles(needs) == []
    assert cycles({**needs, "4999": ["0"]})[0][0] == "0"


def test_layers_refuse_a_cycle() -> None:
    """A cycle has no order."""
    with pytest.raises(ValueError, match="no order"):
        layers({"a": ["b"], "b": ["a"]})


@given(GRAPHS)
def test_layers_respect_needs_or_there_is_a_cycle(needs: dict[str, set[str]]) -> None:
    """Either a way round is found, or everything stands after what it needs."""
    found = cycles(needs)
    for cycle in found:
        assert cycle[0] == cycle[-1]
        assert all(b in needs[a] for a, b in pairwise(cycle))
    if found:
        with pytest.raises(ValueError, match="no order"):
            layers(needs)
        return
    level = {name: n for n, layer in enumerate(layers(needs)) for name in layer}
    assert level.keys() == needs.keys()
    for name, needed in needs.items():
        assert all(level[other] < level[name] for other in needed if other in needs)
