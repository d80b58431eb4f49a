"""Tells a Slack channel when a service starts, stops or fails.

The incoming webhook's address comes from the variable SLACK_WEBHOOK_URL; without it nothing is
sent. Start and stop can be left out:

    plugins: {config: {slack_notifier: {only_errors: true}}}
"""

import os

import httpx
from pydantic import BaseModel, ConfigDict

from intertie.plugins import PluginBase, PluginInfo

_TIMEOUT_S = 3.0  # below the hook's own deadline, so that a slow Slack is an error and no more


class SlackSettings(BaseModel):
    """What the suite file may say."""

    model_config = ConfigDict(extra="forbid")

    only_errors: bool = False


class SlackNotifierPlugin(PluginBase):
    """One message an event."""

    config_model = SlackSettings
    config: SlackSettings

    def __init__(self) -> None:
        super().__init__()
        self.webhook_url = os.getenv("SLACK_WEBHOOK_URL")

    def get_info(self) -> PluginInfo:
        """Who this is, and what it is called for."""
        return PluginInfo(
            name="slack_notifier",
            version="1.0.0",
            description="Sends Slack notifications for service events",
            author="Intertie",
            hooks=["service_start", "service_stop", "service_error"],
        )

    def on_service_start(self, service_name: str, pid: int) -> None:
        """A replica runs."""
        if not self.config.only_errors:
            self._send_slack(f"✅ Service '{service_name}' started (PID: {pid})")

    def on_service_stop(self, service_name: str, pid: int) -> None:
        """A replica has ended."""
        if not self.config.only_errors:
            self._send_slack(f"🛑 Service '{service_name}' stopped (PID: {pid})")

    def on_service_error(self, service_name: str, error: Exception) -> None:
        """A replica died or cannot be started."""
        self._send_slack(f"❌ Service '{service_name}' error: {error}")

    def _send_slack(self, message: str) -> None:
        if self.webhook_url:
            answer = httpx.post(self.webhook_url, json={"text": message}, timeout=_TIMEOUT_S)
            if answer.is_error:  # not raise_for_status: its message shows the address, a secret
                raise RuntimeError(f"Slack answered {answer.status_code}")
