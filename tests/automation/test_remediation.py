"""What is known of remediation."""

from intertie.automation.remediation import fingerprint
from intertie.monitor.stages import Alert
from tests.automation.alarm import NOON, entry, firing


def test_an_alert_has_the_fingerprint_that_monitoring_gives_it() -> None:
    """Also where labels are empty."""
    alert = Alert({"alertname": "Down", "service": "web", "zone": ""}, NOON)

    assert fingerprint(alert.labels) == alert.fingerprint


def test_an_alert_knows_its_rule_and_severity() -> None:
    """From its labels."""
    assert (firing().name, firing().severity) == ("Down", "critical")


def test_a_shadow_acts_for_shadows_only() -> None:
    """What was done acts for all; what was refused acts for none."""
    assert entry("shadow").acts(shadow=True)
    assert not entry("shadow").acts(shadow=False)
    assert entry("interrupted").acts(shadow=False)
    assert not entry("refused").acts(shadow=True)
