import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from intertie.monitor.alertmanager_file import to_alertmanager
from intertie.suite.monitoring import Monitoring

SECRET = "hunter2"
WHOLE = Monitoring.model_validate(
    {
        "alerts": {
            "critical": "error_rate > 5%",
            "warning": "error_rate > 1%",
            "inhibit": [
                {
                    "source": {"alertname": "Down"},
                    "target": {"path": 'a"b\\c'},
                    "equal": ["job", "zone"],
                }
            ],
            "mute": {
                "nights": {"schedule": "0 3 * * 0", "duration": "2h", "timezone": "Europe/Berlin"},
                "deploys": {
                    "schedule": "0 12 * * 1-5",
                    "duration": "30m",
                    "matchers": {"team": "web"},
                },
                "tests": {"schedule": "0 4 * * *", "duration": "1h", "matchers": {"env": "test"}},
                "odd": {"schedule": "0 4 * * *", "duration": "90s"},
            },
            "group_by": ["alertname", "service"],
            "group_wait": "10s",
        },
        "alert_integration": {
            "channels": ["mail", "chat", "hook", "phone"],
            "escalate_to": "phone",
            "fallback": "mail",
        },
        "channels": {
            "mail": {
                "kind": "email",
                "host": "smtp.example.com",
                "username": "ops",
                "password": f"${{secret:{SECRET}}}",
                "sender": "intertie@example.com",
                "to": ["a@example.com", "b@example.com"],
            },
            "chat": {
                "kind": "slack",
                "url": f"https://hooks.slack.com/services/{SECRET}",
                "template": "short",
            },
            "hook": {
                "kind": "webhook",
                "url": f"https://x.example/{SECRET}",
                "secret": f"${{secret:{SECRET}}}",
            },
            "phone": {"kind": "sms", "url": f"twilio://{SECRET}"},
        },
        "templates": {"short": {"subject": "{{ severity }}"}},
    }
)


def test_no_secret_is_ever_in_the_file() -> None:
    """Files and placeholders stand for them."""
    text = to_alertmanager(WHOLE)

    (receiver,) = YAML(typ="safe", pure=True).load(text)["receivers"]
    assert SECRET not in text
    assert receiver["email_configs"][0]["auth_password_file"] == "/etc/alertmanager/secrets/mail"
    assert receiver["email_configs"][0]["to"] == "a@example.com, b@example.com"
    assert receiver["slack_configs"][0]["api_url_file"] == "/etc/alertmanager/secrets/chat"
    assert receiver["webhook_configs"][0]["url"] == "http://replace-me.invalid/hook"


def test_each_severity_is_repeated_at_its_own_interval() -> None:
    """The tick of groups meets each of them, so that none is rounded up."""
    route = YAML(typ="safe", pure=True).load(to_alertmanager(WHOLE))["route"]

    assert route["group_by"] == ["alertname", "service"]
    assert (route["group_wait"], route["group_interval"]) == ("10s", "5m")
    assert [(each["matchers"], each["repeat_interval"]) for each in route["routes"]] == [
        (['severity="critical"'], "4m30s"),
        (['severity="warning"'], "29m30s"),
    ]


def test_windows_mute_all_or_those_that_match() -> None:
    """An alert of two windows is muted in both."""
    tree = YAML(typ="safe", pure=True).load(to_alertmanager(WHOLE))

    critical = tree["route"]["routes"][0]
    assert critical["mute_time_intervals"] == ["nights"]
    assert critical["routes"] == [
        {
            "matchers": ['env="test"', 'team="web"'],
            "mute_time_intervals": ["nights", "deploys", "tests"],
        },
        {"matchers": ['team="web"'], "mute_time_intervals": ["nights", "deploys"]},
        {"matchers": ['env="test"'], "mute_time_intervals": ["nights", "tests"]},
    ]
    assert [each["name"] for each in tree["time_intervals"]] == ["nights", "deploys", "tests"]


def test_a_critical_alert_hides_the_warning_about_the_same() -> None:
    """Beside what the suite says itself."""
    rules = YAML(typ="safe", pure=True).load(to_alertmanager(WHOLE))["inhibit_rules"]

    assert rules == [
        {
            "source_matchers": ['alertname="Down"'],
            "target_matchers": ['path="a\\"b\\\\c"'],
            "equal": ["job", "zone"],
        },
        {
            "source_matchers": ['alertname="ErrorRateCritical"'],
            "target_matchers": ['alertname="ErrorRateWarning"'],
            "equal": ["service"],
        },
    ]


def test_what_alertmanager_cannot_do_is_told_on_top() -> None:
    """Line by line, with names."""
    told = [line for line in to_alertmanager(WHOLE).splitlines() if line.startswith("#")]

    assert [line.removeprefix("# Not said here: ") for line in told] == [
        "mute window odd: its duration is no whole number of minutes",
        "channel chat: its notices are in the usual words",
        "channel hook: put its address where http://replace-me.invalid/hook is",
        "channel hook: its notices are not signed",
        "channel phone: kind sms has no receiver",
        "alerts that nobody acknowledges are told to phone too",
        "when a channel cannot be reached, mail is told",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("monitoring", [Monitoring(), WHOLE], ids=["empty", "whole"])
def test_amtool_takes_the_configuration(tmp_path: Path, monitoring: Monitoring) -> None:
    """Of the least suite and of one with everything."""
    file = tmp_path / "alertmanager.yaml"
    file.write_text(to_alertmanager(monitoring))

    checked = subprocess.run(
        ["amtool", "check-config", file], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_who_is_on_call_is_left_to_a_comment() -> None:
    """Alertmanager knows no rotas; whoever is always told stays."""
    crew = {"people": {"ann": {"channels": "chat"}}, "layers": {"primary": {"people": "ann"}}}
    monitoring = Monitoring.model_validate(
        {
            "channels": {"chat": {"kind": "slack", "url": "x"}},
            "on_call": {"crew": crew},
            "alert_integration": {"channels": ["chat", "crew/primary"], "escalate_to": "crew"},
        }
    )

    text = to_alertmanager(monitoring)

    assert "rota crew/primary: who is on call has no receiver" in text
    assert "told to crew too" in text
