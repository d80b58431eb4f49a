import json
from collections.abc import Iterator

import pytest

from intertie.monitor.channels import ChannelError, channel_of
from intertie.monitor.channels.slack import Slack, body, escaped
from intertie.monitor.channels.text import render
from intertie.suite.monitoring import NoticeTemplate, SlackChannel
from tests.monitor.channels.contract import ChannelContract, Stage
from tests.monitor.channels.stage import (
    AT,
    SECRET,
    hostile,
    message,
    nobody,
    recording,
    told,
    vault,
)

pytestmark = pytest.mark.anyio


class TestSlack(ChannelContract):
    @pytest.fixture
    def stage(self) -> Iterator[Stage]:
        """A channel and its other side."""
        with recording() as recorder:
            secrets = vault(mine=SECRET, place=recorder.url)
            config = SlackChannel(kind="slack", url="${secret:place}/services/T0/${secret:mine}")

            def refuse() -> None:
                recorder.status, recorder.said = 403, f"no_service {SECRET}".encode()

            def leave() -> None:
                secrets.secrets["place"] = f"http://127.0.0.1:{nobody()}"

            yield Stage(
                channel=Slack("night", config, resolve=secrets),
                vault=secrets,
                arrived=lambda: "".join(request.body.decode() for request in recorder.requests),
                refuse=refuse,
                leave=leave,
            )

    def harmless(self, arrived: str) -> None:
        """As `ChannelContract`."""
        assert "<script>" not in arrived
        assert "<!channel>" not in arrived
        assert "&lt;!channel&gt; &amp; &lt;@U1&gt;?" in arrived


def blocks(**changes: object) -> list[dict[str, dict[str, str]]]:
    """The blocks of a message."""
    found: list[dict[str, dict[str, str]]] = json.loads(body(render(message(**changes))))["blocks"]
    return found


def test_it_keeps_slacks_limits() -> None:
    """At most 50 blocks, 3000 characters each, 150 in the header."""
    alerts = tuple(told(path="&" * 3000, instance=str(n)) for n in range(60))
    found = blocks(title="<" * 1000, text="&" * 9000, alerts=alerts)

    assert len(found) == 24
    assert len(found[0]["text"]["text"]) <= 150
    assert max(len(block["text"]["text"]) for block in found) <= 3000
    assert "... and 40 more" in found[-2]["text"]["text"]


def test_the_line_of_the_notification_says_what_it_is() -> None:
    """It is all that a telephone shows."""
    assert json.loads(body(render(message())))["text"] == "[CRITICAL] Shop is failing"


def test_a_link_cannot_be_left() -> None:
    """What would end or rename it is encoded; what is no address of the web is no link."""
    ends = blocks(link="https://x.example/|<b>?a&b")[-1]
    script = json.dumps(blocks(link="javascript:alert(1)"))

    assert ends["text"]["text"] == "<https://x.example/%7C%3Cb%3E?a&amp;b|Open>"
    assert "javascript" not in script
    assert "Open" not in json.dumps(blocks(link="https://x.example/" + "x" * 3000))


@pytest.mark.parametrize("most", range(1, 12))
def test_what_is_cut_ends_with_no_half_entity(most: int) -> None:
    """However long it may be."""
    cut = escaped("a&b<c>", most)

    assert len(cut) <= most
    assert cut.removesuffix("…") in {"", "a", "a&amp;", "a&amp;b"}


def test_the_whole_text_is_escaped() -> None:
    """The ampersand first."""
    assert escaped("a&lt;<b>", 100) == "a&amp;lt;&lt;b&gt;"
    assert "<script" not in body(render(hostile())).decode()


async def test_it_is_asked_to_wait() -> None:
    """Slack's answer 429 says for how long."""
    with recording() as recorder:
        recorder.status, recorder.headers = 429, {"Retry-After": "30"}
        slack = Slack("night", SlackChannel(kind="slack", url=recorder.url), resolve=vault())

        with pytest.raises(ChannelError, match="answers 429") as caught:
            await slack.send(message())

    assert caught.value.retry
    assert caught.value.retry_after_s == 30


async def test_a_template_of_the_suite_is_its_words() -> None:
    """What is too long for one block goes on in the next, where a line ends."""
    template = NoticeTemplate(subject="<{{ status }}>", text="{{ ('&' * 500 + '\n') * 9 }}end")
    with recording() as recorder:
        config = SlackChannel(kind="slack", url=recorder.url, template="long")
        told = channel_of(
            config, name="a", resolve=vault(), now=lambda: AT, templates={"long": template}
        )
        await told.send(message())
        (request,) = recorder.requests

    found = json.loads(request.body)
    texts = [block["text"]["text"] for block in found["blocks"]]
    assert texts[0] == "&lt;firing&gt;"
    assert max(map(len, texts)) <= 3000
    assert "".join(texts[1:]) == ("&amp;" * 500 + "\n") * 9 + "end"
