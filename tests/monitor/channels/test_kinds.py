import subprocess
import sys

import pytest
from pydantic import TypeAdapter

from intertie.monitor.channels import channel_of
from intertie.suite.monitoring import Channel
from tests.monitor.channels.stage import AT, vault


@pytest.mark.parametrize(
    ("config", "made"),
    [
        ({"kind": "email", "sender": "a@b", "to": ["c@d"]}, "Email"),
        ({"kind": "slack", "url": "${secret:gone}"}, "Slack"),
        ({"kind": "webhook", "url": "${secret:gone}"}, "Webhook"),
        ({"kind": "apprise", "url": "${secret:gone}"}, "Apprise"),
        ({"kind": "sms", "url": "${secret:gone}"}, "Apprise"),
        ({"kind": "push_notification", "url": "${secret:gone}"}, "Apprise"),
    ],
)
def test_each_kind_has_a_channel(config: dict[str, object], made: str) -> None:
    """To make it asks for no secret yet."""
    parsed: Channel = TypeAdapter(Channel).validate_python(config)
    channel = channel_of(parsed, name="night", resolve=vault(), now=lambda: AT)

    assert type(channel).__name__ == made
    assert channel.name == "night"


@pytest.mark.slow
def test_to_know_the_kinds_does_not_load_apprise() -> None:
    """Who does not use it does not pay for it."""
    code = "import intertie.monitor.channels, sys; sys.exit('apprise' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
