import pytest
from pydantic import ValidationError

from intertie.suite.logging import Logging, LogTarget, SuiteLogging, forwarded, unknown_targets

MIB = 1024 * 1024


def target(**keys: object) -> LogTarget:
    """A Loki, unless it says otherwise."""
    return LogTarget.model_validate({"kind": "loki", "url": "http://logs:3100", **keys})


def test_defaults_keep_half_a_gigabyte_of_each_log() -> None:
    """Five files of 100 MB, packed, sent to every target."""
    said = Logging()

    assert (said.max_size, said.max_files, said.max_age) == (100 * MIB, 5, None)
    assert said.compress
    assert said.forward is None


def test_values_are_spelt_as_everywhere_in_the_file() -> None:
    """Sizes, durations, one name or a list."""
    said = Logging.model_validate({"max_size": "50MB", "max_age": "7d", "forward": "central"})

    assert (said.max_size, said.max_age, said.forward) == (50 * MIB, 7 * 86400, ("central",))


def test_compose_spelling_is_understood() -> None:
    """Its json-file driver and its options say the same."""
    options = {"max-size": "10m", "max-file": "3", "compress": "false"}
    said = Logging.model_validate({"driver": "json-file", "options": options})

    assert said == Logging(max_size=10 * MIB, max_files=3, compress=False)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"max_size": "10KB"}, "at least 64KiB"),
        ({"max_files": 0}, "greater than or equal to 1"),
        ({"driver": "syslog"}, "expected the driver json-file or local"),
        ({"options": {"max-files": 3}}, "expected no options but max-size, max-file, compress"),
        ({"max_sise": 1}, "Extra inputs"),
    ],
)
def test_what_cannot_be_done_is_a_fault(said: object, why: str) -> None:
    """With the words that say what was expected."""
    with pytest.raises(ValidationError, match=why):
        Logging.model_validate(said)


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("loki", "https://logs.example.com/custom/push"),
        ("otlp", "http://127.0.0.1:4318"),
        ("syslog", "udp://10.0.0.1"),
        ("syslog", "tcp://[::1]:6514"),
        ("syslog", "unix:///dev/log"),
    ],
)
def test_a_target_is_a_protocol_and_a_place(kind: str, url: str) -> None:
    """Each protocol has its own kinds of url."""
    assert target(kind=kind, url=url).url == url


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"url": "logs:3100"}, "begins with http:// or https://"),
        ({"kind": "syslog", "url": "http://logs"}, "begins with udp:// or tcp:// or unix://"),
        ({"kind": "syslog", "url": "unix://"}, "a whole url for syslog"),
        ({"kind": "syslog", "url": "udp://a", "headers": {"a": "b"}}, "no headers"),
        ({"labels": {"a-b": "c"}}, "expected a label"),
        ({"kind": "kafka"}, "'loki', 'otlp' or 'syslog'"),
    ],
)
def test_a_target_that_cannot_be_reached_is_a_fault(keys: dict[str, object], why: str) -> None:
    """Said before anything starts."""
    with pytest.raises(ValidationError, match=why):
        target(**keys)


def test_a_line_goes_where_both_sides_want_it() -> None:
    """A service may name its targets, a target its services; who names none takes all."""
    services = {"api": Logging(), "db": Logging(forward=("other",)), "job": Logging(forward=())}

    assert forwarded("other", target(), services) == ("api", "db")
    assert forwarded("central", target(), services) == ("api",)
    assert forwarded("other", target(services=["db", "job"]), services) == ("db",)


def test_names_of_targets_that_are_not_there_are_found() -> None:
    """So that a slip in spelling is a fault, not silence."""
    suite = SuiteLogging(forward={"central": target()})

    assert unknown_targets(Logging(forward=("central", "centra1")), suite.forward) == ("centra1",)
    assert unknown_targets(Logging(), suite.forward) == ()
