import json
import logging
import sys
from collections.abc import Iterator
from functools import partial

import pytest

from intertie.monitor.channels import ChannelError, channel_of
from intertie.monitor.channels.apprise import Apprise
from intertie.suite.monitoring import AppriseChannel, NoticeTemplate
from tests.monitor.channels.contract import ChannelContract, Stage
from tests.monitor.channels.stage import AT, HOSTILE, SECRET, message, nobody, recording, vault

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,  # the library loads all of its services at once
    # One of those services asks for a module that Python 3.13 lacks.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    """On a busy machine its services take longer to load than a notice may take to be sent."""
    import apprise  # noqa: PLC0415 - slow to load

    apprise.Apprise.instantiate("json://127.0.0.1")


def channel(url: str) -> Apprise:
    """With an address that holds the secret."""
    return Apprise("night", AppriseChannel(kind="sms", url=url), resolve=vault(mine=SECRET))


class TestApprise(ChannelContract):
    @pytest.fixture
    def stage(self) -> Iterator[Stage]:
        """A channel and its other side."""
        with recording() as recorder:
            secrets = vault(mine=SECRET, place=recorder.url.partition("//")[2])
            config = AppriseChannel(
                kind="apprise", url="json://user:${secret:mine}@${secret:place}/${secret:mine}"
            )

            def refuse() -> None:
                recorder.status, recorder.said = 403, SECRET.encode()

            def leave() -> None:
                secrets.secrets["place"] = f"127.0.0.1:{nobody()}"

            yield Stage(
                channel=Apprise("night", config, resolve=secrets),
                vault=secrets,
                arrived=lambda: "".join(request.body.decode() for request in recorder.requests),
                refuse=refuse,
                leave=leave,
            )

    def harmless(self, arrived: str) -> None:
        """As `ChannelContract`."""
        got = json.loads(arrived)
        assert got["title"] == "[CRITICAL] " + " ".join(HOSTILE.split())
        assert "<script>alert(1)</script>\nBcc: evil@example.org" in got["message"]


@pytest.mark.parametrize(
    ("kind", "severity", "tone"),
    [
        ("firing", "critical", "failure"),
        ("firing", "warning", "warning"),
        ("resolved", "critical", "success"),
        ("task", "info", "info"),
    ],
)
async def test_the_tone_is_that_of_the_message(kind: str, severity: str, tone: str) -> None:
    """Services show it by a colour or a sign."""
    with recording() as recorder:
        where = recorder.url.partition("//")[2]
        await channel(f"json://{where}").send(message(kind=kind, severity=severity))

    assert json.loads(recorder.requests[0].body)["type"] == tone


async def test_what_the_service_said_is_told() -> None:
    """The library only says that it failed; its log says why."""
    with recording() as recorder:
        recorder.status = 503
        with pytest.raises(ChannelError, match=r"'night': Failed to send JSON.*503") as caught:
            await channel(f"json://{recorder.url.partition('//')[2]}").send(message())

    assert caught.value.retry


async def test_what_stands_for_the_host_may_be_secret() -> None:
    """Some services have a key there."""
    night = AppriseChannel(kind="push_notification", url="json://${secret:host}")
    secrets = vault(host=f"127.0.0.1:{nobody()}")
    with pytest.raises(ChannelError, match=r"notification to \*\*\*") as caught:
        await Apprise("night", night, resolve=secrets).send(message())

    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["nosuch://${secret:mine}", "${secret:mine}", "json://"])
async def test_an_address_it_cannot_use_is_told_without_it(
    wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in the error nor in the log."""
    with caplog.at_level(logging.DEBUG), pytest.raises(ChannelError, match="`url` is") as caught:
        await channel(wrong).send(message())

    assert not caught.value.retry
    assert SECRET not in str(caught.value) + caplog.text


async def test_the_librarys_own_log_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """At its most talkative it writes whole addresses."""
    with recording() as recorder, caplog.at_level(logging.DEBUG, logger="apprise"):
        where = recorder.url.partition("//")[2]
        recorder.meanwhile = partial(logging.getLogger("apprise").warning, "of somebody else")
        await channel(f"json://{where}/${{secret:mine}}").send(message())

    assert recorder.requests[0].path == f"/{SECRET}"
    told = [record.getMessage() for record in caplog.records if record.name == "apprise"]
    assert "of somebody else" in told
    # What it says of its language, once a process, is no secret.
    assert [each for each in told if SECRET in each or where in each] == []


async def test_redirects_are_not_followed() -> None:
    """As for all channels."""
    with recording() as other, recording() as recorder:
        recorder.status, recorder.headers = 307, {"Location": other.url}
        with pytest.raises(ChannelError):
            await channel(f"json://{recorder.url.partition('//')[2]}").send(message())

    assert other.requests == []


async def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is loaded only where it is used."""
    monkeypatch.setitem(sys.modules, "apprise", None)

    with pytest.raises(ChannelError) as caught:
        await channel("json://127.0.0.1").send(message())

    assert not caught.value.retry
    assert str(caught.value) == (
        "cannot tell by apprise: the extra is not installed; run: pip install 'intertie[notify]'"
    )


async def test_a_template_of_the_suite_is_its_words() -> None:
    """As title and body of whatever service it is."""
    template = NoticeTemplate(subject="{{ status }}!", text="{{ names[0] }}")
    with recording() as recorder:
        place = recorder.url.partition("//")[2]
        told = channel_of(
            AppriseChannel(kind="sms", url=f"json://{place}", template="short"),
            name="night",
            resolve=vault(),
            now=lambda: AT,
            templates={"short": template},
        )
        await told.send(message())
        (request,) = recorder.requests

    found = json.loads(request.body)
    assert (found["title"], found["message"]) == ("firing!", "HighErrorRate")
