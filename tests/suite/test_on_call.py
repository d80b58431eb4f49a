"""What a suite file says of rotas."""

from datetime import date, datetime, time
from typing import Any

import pytest
from pydantic import ValidationError

from intertie.suite.monitoring import Monitoring
from intertie.suite.on_call import Rota, targets

CHANNELS = {"mail": {"kind": "slack", "url": "x"}}
CREW = {"people": {"ann": {"channels": "mail"}}, "layers": {"primary": {"people": "ann"}}}


def monitoring(rota: Any = CREW, **told: Any) -> Monitoring:
    """With one channel and a rota `crew`."""
    tree = {"channels": CHANNELS, "on_call": {"crew": rota}, "alert_integration": told}
    return Monitoring.model_validate(tree)


def test_a_rota_needs_no_more_than_people_and_a_layer() -> None:
    """A week each, from Monday at nine, in UTC."""
    rota = Rota.model_validate(CREW)

    assert rota.timezone == "UTC"
    assert rota.layers["primary"].at == time(9)
    assert rota.layers["primary"].day == "monday"
    assert rota.people["ann"].channels == ("mail",)
    assert list(targets({"crew": rota})) == ["crew", "crew/primary"]


def test_dates_are_midnights() -> None:
    """As text or as a date, with a time of day or without."""
    tree = {"person": "ann", "from": date(2026, 12, 24), "until": "2026-12-24 18:30"}
    [found] = Rota.model_validate({**CREW, "overrides": [tree]}).overrides

    assert found.from_ == datetime.fromisoformat("2026-12-24T00:00")
    assert found.until == datetime.fromisoformat("2026-12-24T18:30")


def test_alerts_may_go_to_whoever_is_on_call() -> None:
    """By the rota's name, or that of one of its layers."""
    told = monitoring(channels=["mail", "crew"], escalate_to="crew/primary").alert_integration

    assert told.channels == ("mail", "crew")
    assert told.escalate_to == ("crew/primary",)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"timezone": "Mars/Olympus"}, "expected a time zone"),
        ({"layers": {"primary": {"people": "bob"}}}, "'bob', which `people` does not have"),
        ({"layers": {"primary": {"people": "ann", "at": "9"}}}, "expected a time of day"),
        ({"layers": {"primary": {"people": "ann", "since": 7}}}, "expected a date such as"),
        ({"people": {"ann": {"channels": "fax"}}}, "'fax', which `channels` does not have"),
        (
            {"overrides": [{"person": "bob", "from": "2026-01-01", "until": "2026-01-02"}]},
            "'bob' is not among `people`",
        ),
        (
            {"overrides": [{"person": "ann", "from": "2026-01-02", "until": "2026-01-02"}]},
            "expected a time after `from`",
        ),
        (
            {
                "overrides": [
                    {"person": "ann", "from": "2026-01-02", "until": "2026-01-03", "layer": "x"}
                ]
            },
            "'x' is not among `layers`",
        ),
    ],
)
def test_what_cannot_be_is_told_with_a_reason(change: dict[str, Any], why: str) -> None:
    """Names that are not there, times that are none."""
    with pytest.raises(ValidationError, match=why):
        monitoring({**CREW, **change})


def test_a_name_means_one_thing() -> None:
    """No rota is called as a channel; no layer is guessed; a fallback is never a rota."""
    with pytest.raises(ValidationError, match="'mail' is a channel already"):
        Monitoring.model_validate({"channels": CHANNELS, "on_call": {"mail": CREW}})
    with pytest.raises(ValidationError, match="'crew/night'"):
        monitoring(channels="crew/night")
    with pytest.raises(ValidationError, match="fallback"):
        monitoring(fallback="crew")
