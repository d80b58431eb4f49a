import pytest
from pydantic import ValidationError

from intertie.suite.health import Healthcheck
from intertie.suite.model import Suite
from intertie.suite.restart import Restart
from intertie.suite.route import Route
from intertie.suite.service import Service
from intertie.suite.values import MAX_DURATION_S, parse_duration


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("500ms", 0.5),
        ("30s", 30),
        ("1h30m", 5400),
        ("1.5m", 90),
        ("1d", 86400),
        (" 2s ", 2),
        ("7", 7),
        ("0.25", 0.25),
        (3, 3),
        (0, 0),
    ],
)
def test_durations_are_seconds(value: object, seconds: float) -> None:
    """With units, or plain numbers of seconds, also as text."""
    assert parse_duration(value) == seconds


@pytest.mark.parametrize(
    "value", ["", "5 s", "s", "-1s", -1, True, None, [], "1w", "1s!", "9" * 400, 10**400,
              float("inf"), float("nan"), MAX_DURATION_S + 1, "9" * 18 + "d"]
)  # fmt: skip
def test_all_else_is_no_duration(value: object) -> None:
    """Nothing overflows and nothing is guessed."""
    with pytest.raises(ValueError, match="expected a duration such as"):
        parse_duration(value)


def test_compose_spellings_are_understood() -> None:
    """Lists and words stand for maps, as in Docker Compose."""
    service = Service.model_validate(
        {
            "command": "run 'one two'",
            "environment": ["A=b=c"],
            "env_file": ".env",
            "depends_on": ["db"],
            "restart": "on-failure:3",
            "stop_signal": "INT",
        }
    )

    assert service.command == ("run", "one two")
    assert service.environment == {"A": "b=c"}
    assert service.env_file == (".env",)
    assert service.depends_on["db"].condition == "service_started"
    assert service.restart == Restart(policy="on-failure", max_attempts=3)
    assert service.stop_signal == "SIGINT"
    assert Service.model_validate({"command": "x", "restart": "always"}).restart == Restart(
        policy="always"
    )


def test_values_of_maps_become_text() -> None:
    """Every variable of a process is text; a dependency may say nothing."""
    service = Service.model_validate(
        {
            "command": ["x"],
            "environment": {"A": 1, "B": True, "C": False, "D": "e"},
            "depends_on": {"db": None},
        }
    )

    assert service.environment == {"A": "1", "B": "true", "C": "false", "D": "e"}
    assert list(service.depends_on) == ["db"]


def test_text_that_reads_as_a_number_or_flag_is_one() -> None:
    """Interpolation gives text only."""
    service = Service.model_validate({"command": "x", "port": "80", "healthcheck": {"tcp": "true"}})

    assert service.port == 80
    assert service.healthcheck == Healthcheck(tcp=True)


@pytest.mark.parametrize(
    "change",
    [
        {"command": ""},
        {"command": "'open"},
        {"command": 1},
        {"port": 0},
        {"port": 65536},
        {"port": True},
        {"port": "any"},
        {"port": 80, "replicas": 2},
        {"replicas": True},
        {"replicas": "1.0"},
        {"replicas": 257},
        {"environment": ["A"]},
        {"environment": {"": "x"}},
        {"environment": {"A=B": "x"}},
        {"environment": 1},
        {"depends_on": 1},
        {"restart": 1},
        {"stop_signal": "SIGNOTHING"},
        {"healthcheck": {"http": "/x"}},
        {"healthcheck": {"tcp": True}},
        {"healthcheck": {}},
        {"healthcheck": {"tcp": 1}, "port": 1},
        {"healthcheck": {"tcp": True, "test": ["x"]}, "port": 1},
        {"healthcheck": {"test": "x", "interval": 0}},
        {"healthcheck": {"http": "x"}, "port": 1},
        {"unknown": 1},
    ],
)
def test_a_service_that_cannot_work_is_refused(change: dict[str, object]) -> None:
    """Wherever it comes from: the rules are the type's own."""
    with pytest.raises(ValidationError):
        Service.model_validate({"command": ["x"], **change})


@pytest.mark.parametrize(
    "path",
    ["/", "/api", "/api/", "/api/{id}/x", "/a-b.c~d/%20", "/a/{x}/{y_2}"],
)
def test_paths_of_routes(path: str) -> None:
    """Literal and named segments."""
    assert Route(path=path, service="web").path == path


@pytest.mark.parametrize(
    "path", ["api", "", "//", "/a//b", "/a/../b", "/./a", "/a b", "/a?b", "/{", "/{a}b", "/{A}"]
)
def test_paths_no_request_can_have_are_refused(path: str) -> None:
    """Empty and dotted segments never reach the gateway; the query is no part of a path."""
    with pytest.raises(ValidationError):
        Route(path=path, service="web")


def test_a_strip_prefix_says_strip() -> None:
    """One key is enough."""
    assert Route(path="/a/b/{c}", service="web", strip_prefix="/a").strip
    assert Route(path="/a", service="web", strip_prefix="/a", strip=True).strip


@pytest.mark.parametrize(
    ("prefix", "strip"), [("/b", True), ("/a/{b}", True), ("/a/b", True), ("/a", False)]
)
def test_a_strip_prefix_begins_the_path_at_a_segment(prefix: str, strip: bool) -> None:
    """It is literal, and nobody says the opposite beside it."""
    with pytest.raises(ValidationError):
        Route(path="/a/{b}/bc", service="web", strip_prefix=prefix, strip=strip)


def test_models_do_not_change() -> None:
    """A value that was checked stays as it was checked."""
    with pytest.raises(ValidationError):
        Route(path="/", service="web").path = "/x"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        (
            {"services": {"a": {"command": "a", "logging": {"forward": "x"}}}},
            "`a` sends its lines to 'x'",
        ),
        ({"logging": {"forward": {"x": {"kind": "loki", "url": "http://l", "services": "b"}}}},
         "`x` names 'b', which is no service"),
        ({"automation": {"automatic_recovery": {"services": ["b"]}}}, "recovery names 'b'"),
    ],
)  # fmt: skip
def test_a_name_that_nothing_has_is_a_fault(keys: dict[str, object], why: str) -> None:
    """Told with the file, not when it is needed."""
    with pytest.raises(ValidationError, match=why):
        Suite.model_validate({"suite": "x", "services": {"a": {"command": "a"}}, **keys})
