"""What the suite says of its gateway as a whole."""

from intertie.suite.gateway import Gateway


def test_a_policy_switches_on_what_it_names() -> None:
    """With the defaults of its own key; that key, if said, counts."""
    plain = Gateway()
    on = Gateway.model_validate({"policies": ["rate limiting", "caching"]})
    said = Gateway.model_validate(
        {
            "policies": ["rate limiting"],
            "rate_limiting": {"default_rate": "5/hour", "burst_rate": None},
        }
    )

    assert (plain.limits, plain.cache) == (None, None)
    assert on.limits is not None
    assert str(on.limits.default_rate) == "1000/hour"
    assert on.cache is not None
    assert said.limits is not None
    assert str(said.limits.default_rate) == "5/hour"


def test_a_cache_that_is_switched_off_is_none() -> None:
    """`enabled: false` costs nothing."""
    assert Gateway.model_validate({"caching": {"enabled": False}}).cache is None


def test_how_long_a_token_lives_may_be_said_in_two_places() -> None:
    """Where tokens are, or where authentication is."""
    there = Gateway.model_validate({"security": {"authentication": {"token_expiry": 60}}})
    here = Gateway.model_validate({"jwt": {"token_expiry": 30}})

    assert [Gateway().token_expiry, there.token_expiry, here.token_expiry] == [3600, 60, 30]
