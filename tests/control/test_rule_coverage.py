"""What of a suite nobody would hear of, as it is told."""

from ruamel.yaml import YAML

from intertie.control.rule_coverage import coverage_of
from intertie.suite.model import Suite


def test_shares_and_proposals_are_told() -> None:
    """Each part with its own piece of the file, and all of them as one."""
    suite = Suite.model_validate(
        {
            "suite": "shop",
            "services": {name: {"command": "true"} for name in ("a", "b", "c")},
            "monitoring": {
                "alerts": {"rules": {"A": {"expr": 'intertie_service_up{service="a"} < 1'}}}
            },
        }
    )

    found = coverage_of(suite)

    assert found.percent == 33.33
    assert found.told == ()
    assert [bool(each.proposal) for each in found.parts] == [False, True, True]
    whole = YAML(typ="safe").load(found.proposal)
    assert sorted(whole["monitoring"]["alerts"]["rules"]) == ["BDown", "CDown"]
