import pytest

from intertie.plugins.calls import Call, failure, judged, own_copy


def call(hook: str) -> Call:
    """A hook that does nothing."""
    return Call("p", hook, lambda *_: None)


def test_a_dict_is_copied_for_each_plugin() -> None:
    """What one does to it reaches nobody else."""
    config = {"a": {"b": 1}}

    (copied,) = own_copy("on_config_load", (config,))

    assert copied == config
    assert isinstance(copied, dict)
    assert copied["a"] is not config["a"]


def test_results_that_are_no_dict_are_refused() -> None:
    """Where a dict is asked for; None is always fine."""
    for hook in ("on_config_load", "on_metrics_collect"):
        assert judged(call(hook), None, ({},)) == (None, ())
        with pytest.raises(TypeError, match="must return a dict, got list"):
            judged(call(hook), [1], ({},))
    assert judged(call("on_shutdown"), [1], ()) == ([1], ())


def test_counters_go_on_and_strikes_do_not() -> None:
    """New code gets a new chance; what the old one cost stays counted."""
    old, new = call("on_shutdown"), call("on_shutdown")
    old.count, old.seconds, old.errors, old.row = 5, 1.5, 2, 2

    new.go_on_from(old)

    assert (new.count, new.seconds, new.errors, new.row) == (5, 1.5, 2, 0)


def test_a_failure_says_where() -> None:
    """File and line of what raised."""
    with pytest.raises(ValueError, match="invalid") as caught:
        int("x")

    assert __file__ in failure(caught.value)
