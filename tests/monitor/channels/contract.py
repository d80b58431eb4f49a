"""What each channel promises, whatever it tells by; its tests inherit this."""

import traceback
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from intertie.monitor.channels import Channel, ChannelError
from tests.monitor.channels.stage import SECRET, Vault, hostile, message


@dataclass
class Stage:
    """A channel and its other side."""

    channel: Channel
    vault: Vault
    """Where it has its secret from, by the name `mine`."""
    arrived: Callable[[], str]
    """All that has arrived, decoded."""
    refuse: Callable[[], None]
    """From now on the other side refuses for good, and quotes the secret."""
    leave: Callable[[], None]
    """From now on nobody listens."""


class ChannelContract:
    """A subclass gives the fixture `stage`."""

    @abstractmethod
    def harmless(self, arrived: str) -> None:
        """Assert that the hostile message arrived as text and as nothing else."""

    async def test_it_delivers_title_and_text(self, stage: Stage) -> None:
        """And the other side's answer is told, in at most 500 characters."""
        answer = await stage.channel.send(message())

        assert "Shop is failing" in stage.arrived()
        assert "More than 5% of all answers are errors." in stage.arrived()
        assert 0 < len(answer) <= 500

    async def test_hostile_text_stays_text(self, stage: Stage) -> None:
        """Markup, header lines and lone surrogates are shown and do nothing."""
        await stage.channel.send(hostile())

        self.harmless(stage.arrived())

    async def test_a_long_message_arrives_too(self, stage: Stage) -> None:
        """Whatever the limits of the other side are."""
        long = message(title="Long " * 500, text="A very long text & more. " * 5000)

        assert await stage.channel.send(long)
        assert "A very long text &" in stage.arrived().replace("&amp;", "&")

    async def test_its_secret_is_never_shown(self, stage: Stage) -> None:
        """Neither by repr, nor in an error and its causes, even if the other side quotes it."""
        stage.refuse()

        with pytest.raises(ChannelError) as caught:
            await stage.channel.send(message())

        shown = "".join(traceback.format_exception(caught.value))
        assert stage.vault.secrets["mine"] == SECRET
        assert SECRET not in shown + repr(stage.channel) + repr(vars(stage.channel))

    async def test_a_secret_that_is_missing_is_told(self, stage: Stage) -> None:
        """By its name; to try again does not help."""
        stage.vault.secrets.clear()

        with pytest.raises(ChannelError, match="no such secret") as caught:
            await stage.channel.send(message())

        assert not caught.value.retry

    async def test_nobody_listening_is_worth_another_try(self, stage: Stage) -> None:
        """Its server may be back in a moment."""
        stage.leave()

        with pytest.raises(ChannelError, match=r"^cannot tell by 'night'") as caught:
            await stage.channel.send(message())

        assert caught.value.retry
