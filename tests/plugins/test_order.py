from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from intertie.plugins import PluginInfo
from intertie.plugins.order import order


def info(**more: Sequence[str]) -> PluginInfo:
    """With nothing but its wishes."""
    return PluginInfo("x", "1", "", **more)  # type: ignore[arg-type] # lists only


def names(infos: Mapping[str, PluginInfo]) -> list[str]:
    """In order."""
    return order(infos)[0]


def test_ties_are_broken_by_name() -> None:
    """So the order does not depend on the file system."""
    assert names({"b": info(), "c": info(), "a": info()}) == ["a", "b", "c"]


def test_after_before_and_requires_are_kept() -> None:
    """Whoever of the two says it."""
    infos = {
        "a": info(after=["c"]),
        "b": info(requires=["a"]),
        "c": info(),
        "z": info(before=["c"]),
    }

    assert names(infos) == ["z", "c", "a", "b"]


def test_after_one_that_is_not_there_is_no_fault() -> None:
    """Only `requires` asks for it."""
    assert order({"a": info(after=["gone"], before=["gone"])}) == (["a"], {})


def test_a_missing_requirement_is_told_with_the_nearest_name() -> None:
    """Also of those that need the one left out; the others go on."""
    left, faults = order({"a": info(requires=["slak"]), "b": info(requires=["a"]), "slack": info()})

    assert left == ["slack"]
    assert faults["a"] == ("requires `slak`, which is not loaded", "did you mean `slack`?")
    assert faults["b"][0] == "requires `a`, which is not loaded"


def test_a_cycle_is_printed_and_stops_only_its_own() -> None:
    """From its least name on, in the order of calling; also two cycles at once."""
    infos = {
        "b": info(after=["a"]),
        "c": info(after=["b"]),
        "a": info(after=["c"]),
        "d": info(after=["a"]),
        "x": info(before=["y"]),
        "y": info(before=["x"]),
        "me": info(after=["me"]),
    }

    left, faults = order(infos)

    assert left == ["d"]
    assert faults["a"][0] == "cannot order plugins: cycle a → b → c → a"
    assert faults["x"][0] == "cannot order plugins: cycle x → y → x"
    assert faults["me"][0] == "cannot order plugins: cycle me → me"


NAMES = st.sampled_from("abcdefg")
INFOS = st.dictionaries(
    NAMES,
    st.builds(
        info,
        after=st.lists(NAMES, max_size=2),
        before=st.lists(NAMES, max_size=2),
        requires=st.lists(NAMES, max_size=1),
    ),
)


@given(INFOS)
def test_every_wish_of_those_in_the_order_is_met(infos: dict[str, PluginInfo]) -> None:
    """Each plugin is either in the order or has a fault, never both."""
    left, faults = order(infos)

    assert sorted([*left, *faults]) == sorted(infos)
    at = {name: index for index, name in enumerate(left)}
    for name in left:
        assert all(at[each] < at[name] for each in infos[name].requires)
        assert all(at[each] < at[name] for each in infos[name].after if each in at)
        assert all(at[each] > at[name] for each in infos[name].before if each in at)
