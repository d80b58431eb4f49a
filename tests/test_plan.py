from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie import plan
from intertie.plan import Endpoint, Plan, Replica, ServiceStatus, Snapshot, State, Step
from intertie.suite.service import Service

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
WEB = Service(command=("web",))


def service(**keys: object) -> Service:
    """A service with some keys set."""
    return Service.model_validate({"command": ["x"], **keys})


def replica(
    name: str, index: int = 0, state: State = State.RUNNING, *, reason: str = ""
) -> Replica:
    """A replica in a state."""
    return Replica(name, index, state, 7, 3000 + index, SINCE, 0, reason)


def status(name: str, spec: Service, state: State = State.RUNNING) -> ServiceStatus:
    """A service whose replicas are all in one state."""
    return ServiceStatus(
        name, spec, tuple(replica(name, index, state) for index in range(spec.replicas))
    )


def snapshot(**services: Service) -> Snapshot:
    """All services running."""
    return Snapshot({name: status(name, spec) for name, spec in services.items()})


def test_endpoints_are_those_of_ready_replicas() -> None:
    """One that drains, starts or has no port gets no requests."""
    ready, starting = replica("web", 0), replica("web", 1, State.STARTING)
    draining = Replica("web", 2, State.RUNNING, 7, 3002, SINCE, 0, "", draining=True)
    portless = Replica("web", 3, State.RUNNING, 7, None, SINCE, 0, "")

    found = ServiceStatus("web", WEB, (ready, starting, draining, portless)).endpoints

    assert found == (Endpoint("127.0.0.1", 3000),)


def test_order_puts_dependencies_first() -> None:
    """In layers, each sorted; what is not among the services is passed over."""
    services = {
        "web": service(depends_on=["api", "gone"]),
        "api": service(depends_on=["db", "cache"]),
        "db": service(),
        "cache": service(),
    }

    assert plan.order(services) == (("cache", "db"), ("api",), ("web",))


def test_a_cycle_is_found() -> None:
    """And there is none otherwise."""
    ring = {"b": service(depends_on=["a"]), "a": service(depends_on=["b"])}

    assert plan.cycle(ring) == ("a", "b", "a")
    assert plan.cycle({"a": service()}) is None


def test_dependents_are_named_in_the_order_to_stop_them() -> None:
    """Direct ones and those through others."""
    services = {
        "page": service(depends_on=["web"]),
        "web": service(depends_on=["db"]),
        "job": service(depends_on=["db"]),
        "db": service(),
        "other": service(),
    }

    assert plan.dependents(services, "db") == ("page", "job", "web")
    assert plan.dependents(services, "other") == ()


def test_profiles_choose_services() -> None:
    """Those without profiles are always active."""
    services = {"a": service(), "b": service(profiles=["x"]), "c": service(profiles=["x", "y"])}

    assert list(plan.active(services, [])) == ["a"]
    assert list(plan.active(services, ["y"])) == ["a", "c"]


def test_missing_services_are_started_after_what_they_need() -> None:
    """Dependencies first."""
    todo = plan.diff(Snapshot({}), {"a": service(depends_on=["b"]), "b": service()})

    assert todo.steps == (
        Step("start", "b", ("new in the suite",)),
        Step("start", "a", ("new in the suite",)),
    )


def test_gone_services_are_removed_before_what_they_needed() -> None:
    """Dependents first, and before anything is started: a new one may want their port."""
    todo = plan.diff(snapshot(a=service(depends_on=["b"]), b=service()), {"c": service()})

    assert [(step.action, step.service) for step in todo.steps] == [
        ("remove", "a"),
        ("remove", "b"),
        ("start", "c"),
    ]


def test_a_changed_service_is_replaced_with_each_difference_named() -> None:
    """Down to the key, old and new."""
    old = service(port=1, environment={"A": "1", "B": "2"}, depends_on=["db"], replicas=1)
    new = service(
        command=["y"],
        port="auto",
        environment={"A": "2", "C": "3"},
        healthcheck={"tcp": True},
        replicas=3,
    )

    [step] = plan.diff(snapshot(web=old), {"web": new}).steps

    assert step.action == "replace"
    assert step.why == (
        'command: ["x"] → ["y"]',
        "depends_on.db: {} → none",
        "environment.A: 1 → 2",
        "environment.B: 2 → none",
        "environment.C: none → 3",
        "healthcheck.tcp: none → true",
        "port: 1 → auto",
    )


def test_a_plan_tells_no_secret() -> None:
    """References are shown, values that look private are not, nor passwords inside URLs."""
    old = service(environment={"DB_PASSWORD": "hush", "TOKEN": "${secret:a}", "LONG": "x" * 100})
    new = service(
        environment={
            "DB_PASSWORD": "hush2",
            "TOKEN": "${secret:b}",
            "URL": "postgres://me:hush3@db/x",
        }
    )

    [step] = plan.diff(snapshot(web=old), {"web": new}).steps

    assert step.why == (
        "environment.DB_PASSWORD: (hidden) → (hidden)",
        f"environment.LONG: {'x' * 80}… → none",
        "environment.TOKEN: ${secret:a} → ${secret:b}",
        "environment.URL: none → postgres://me:…@db/x",
    )


def test_only_another_number_of_replicas_is_a_scale() -> None:
    """Those that run go on running."""
    [step] = plan.diff(snapshot(web=service(replicas=2)), {"web": service(replicas=3)}).steps

    assert step == Step("scale", "web", ("replicas: 2 → 3",))


@pytest.mark.parametrize("state", [State.STOPPED, State.FAILED, State.STOPPING])
def test_what_is_down_is_started(state: State) -> None:
    """With the reason why it was down; replicas to be scaled away are not."""
    down = replica("web", 1, state, reason="exit code 3")
    extra = replica("web", 2, state)
    current = Snapshot({"web": ServiceStatus("web", WEB, (replica("web"), down, extra))})

    todo = plan.diff(current, {"web": service(command=["web"], replicas=2)})

    assert todo.steps == (
        Step("scale", "web", ("replicas: 3 → 2",)),
        Step("start", "web", (f"replica 1 is {state}: exit code 3",)),
    )


def test_a_service_that_never_had_a_replica_is_started() -> None:
    """Known is not running."""
    current = Snapshot({"web": ServiceStatus("web", WEB, ())})

    assert plan.diff(current, {"web": WEB}).steps == (Step("start", "web", ("not started",)),)


@pytest.mark.parametrize(
    "state",
    [
        State.RUNNING,
        State.WAITING,
        State.STARTING,
        State.UNHEALTHY,
        State.BACKOFF,
        State.COMPLETED,
    ],
)
def test_what_is_up_or_on_its_way_is_left_alone(state: State) -> None:
    """The supervisor is at it already."""
    assert plan.diff(Snapshot({"web": status("web", WEB, state)}), {"web": WEB}).steps == ()


def test_a_plan_is_told_by_lines_and_as_json() -> None:
    """Each step, and under it each reason."""
    todo = Plan(
        (
            Step("remove", "a", ("no longer in the suite",)),
            Step("start", "b", ()),
            Step("replace", "c", ("port: 1 → 2",)),
        )
    )

    assert plan.describe(todo) == (
        "- remove a",
        "    no longer in the suite",
        "+ start b",
        "~ replace c",
        "    port: 1 → 2",
    )
    assert plan.as_dict(todo)["steps"][2] == {
        "action": "replace",
        "service": "c",
        "why": ["port: 1 → 2"],
    }
    assert plan.describe(Plan(())) == ("nothing to do: the suite is as the file says",)


NAMES = ["a", "b", "c", "d", "e"]


@st.composite
def suites(draw: st.DrawFn) -> dict[str, Service]:
    """Services without cycles: each needs names before its own only."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    return {
        name: service(
            depends_on=draw(st.lists(st.sampled_from([n for n in names if n < name]), unique=True))
            if any(n < name for n in names)
            else [],
            environment=draw(st.dictionaries(st.sampled_from("XY"), st.sampled_from("12"))),
            replicas=draw(st.integers(1, 3)),
            port="auto",
        )
        for name in names
    }


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Some services, with any number of replicas in any state."""
    return Snapshot(
        {
            name: ServiceStatus(
                name,
                spec,
                tuple(
                    replica(name, index, draw(st.sampled_from(State)))
                    for index in range(draw(st.integers(0, 3)))
                ),
            )
            for name, spec in draw(suites()).items()
        }
    )


def execute(current: Snapshot, wanted: Mapping[str, Service], todo: Plan) -> Snapshot:
    """What a supervisor makes of a plan, step by step, refusing steps that make no sense."""
    now = dict(current.services)
    for step in todo.steps:
        name = step.service
        if step.action == "remove":
            assert name not in wanted
            assert not any(name in other.spec.depends_on for other in now.values() if
                           other.name not in wanted)  # fmt: skip
            del now[name]
        elif step.action == "scale":
            spec, have = wanted[name], now[name].replicas
            assert len(have) != spec.replicas
            new = tuple(replica(name, index) for index in range(len(have), spec.replicas))
            now[name] = ServiceStatus(name, spec, (have + new)[: spec.replicas])
        else:
            needed = wanted[name].depends_on.keys() & wanted.keys()
            assert needed <= now.keys()
            now[name] = status(name, wanted[name])
    return Snapshot(now)


@given(suites())
def test_what_is_as_wanted_needs_nothing(wanted: dict[str, Service]) -> None:
    """The difference to the same is empty."""
    assert plan.diff(snapshot(**wanted), wanted).steps == ()


@given(snapshots(), suites())
def test_doing_a_plan_reaches_what_is_wanted(current: Snapshot, wanted: dict[str, Service]) -> None:
    """Afterwards nothing differs, from wherever it began."""
    after = execute(current, wanted, plan.diff(current, wanted))

    assert after.services.keys() == wanted.keys()
    assert plan.diff(after, wanted).steps == ()


@given(suites())
def test_order_respects_every_dependency(wanted: dict[str, Service]) -> None:
    """Each service stands after all it needs, and each once."""
    layers = plan.order(wanted)

    level = {name: n for n, layer in enumerate(layers) for name in layer}
    assert sorted(level) == sorted(wanted)
    assert sum(map(len, layers)) == len(wanted)
    for name, spec in wanted.items():
        assert all(level[other] < level[name] for other in spec.depends_on)
