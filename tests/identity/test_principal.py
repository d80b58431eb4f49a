"""Who a request is made for."""

import json

from intertie.identity.principal import Principal


def test_no_user_has_the_name_of_a_key() -> None:
    """Limits and records tell them apart, whatever their ids are."""
    assert Principal("user", "ada").client == "user:ada"
    assert Principal("user", "ada").client != Principal("key", "ada").client


def test_services_get_what_is_known_and_nothing_else() -> None:
    """Compact JSON in ASCII, fit for a header; what is empty is left out."""
    told = Principal("user", "7", name="Zoë\r\nx", roles=("admin",)).forwarded()

    assert told.isascii()
    assert "\n" not in told
    assert json.loads(told) == {
        "sub": "7",
        "kind": "user",
        "tenant": "default",
        "name": "Zoë\r\nx",
        "roles": ["admin"],
    }
