from collections.abc import Callable
from pathlib import Path

import pytest

Check = Callable[..., list[str]]
Write = Callable[..., Path]
HEAD = "suite: x\nservices:\n"


def test_names_of_intertie_itself_are_kept(told: Check) -> None:
    """No service is called gateway, bus or api."""
    faults = told(
        HEAD
        + "  gateway: {command: x}\n  bus: {command: x}\n  api: {command: x}\n  web: {command: x}"
    )

    assert [fault.split(": ")[1] for fault in faults] == [
        "services.gateway",
        "services.bus",
        "services.api",
    ]


def test_two_services_cannot_be_found_under_one_variable(told: Check) -> None:
    """a-b and a.b would both be INTERTIE_URL_A_B; one without port is not looked for."""
    [fault] = told(
        HEAD
        + "  a-b: {command: x, port: auto}\n  a.b: {command: x, port: auto}\n  a_b: {command: x}"
    )

    assert fault.startswith(
        "suite.yaml:4:3: services.a.b: others would find it as INTERTIE_URL_A_B, as they do `a-b`"
    )


@pytest.mark.parametrize(
    ("needed", "needs", "fault"),
    [
        ("{command: x}", "{dbb: {}}", "dbb: no service is called 'dbb' (did you mean `db`?)"),
        ("7", "{db: {}}", None),
        ("{command: x}", "{db: {condition: service_healthy}}", "db: `db` can never be service_hea"),
        ("{command: x, healthcheck: 7}", "{db: {condition: service_healthy}}", None),
        (
            "{command: x, restart: always}",
            "{db: {condition: service_completed_successfully}}",
            "db: `db` never completes: its restart policy is always",
        ),
        ("{command: x, restart: 'no'}", "{db: {condition: service_completed_successfully}}", ""),
        ("{command: x, profiles: [a, b]}", "[db]", "db: `db` starts only with profile a or b, its"),
    ],
)
def test_a_dependency_can_come_true(
    told: Check, needed: str, needs: str, fault: str | None
) -> None:
    """It exists, can reach the condition, and is started when its dependent is."""
    faults = told(HEAD + f"  db: {needed}\n  web: {{command: x, depends_on: {needs}, zzz: 1}}")

    found = [line for line in faults if "services.web.depends_on." in line]
    if fault:
        assert len(found) == 1, faults
        assert f"services.web.depends_on.{fault}" in found[0]
    else:
        assert found == []


def test_profiles_of_a_dependency_cover_those_of_its_dependent(told: Check) -> None:
    """Whatever profile starts the one starts the other."""
    faults = told(
        HEAD
        + "  db: {command: x, profiles: [a, b]}\n"
        + "  fine: {command: x, profiles: [a], depends_on: [db]}\n"
        + "  not: {command: x, profiles: [a, c], depends_on: [db]}\n"
    )

    assert len(faults) == 1
    assert "starts only with profile a or b, its dependent with a or c" in faults[0]


def test_cycles_are_named_each(told: Check) -> None:
    """The way round, from its first name by alphabet."""
    faults = told(
        HEAD
        + "  a: {command: x, depends_on: [b]}\n  b: {command: x, depends_on: [c]}\n"
        + "  c: {command: x, depends_on: [a]}\n  d: {command: x, depends_on: [d]}\n"
    )

    assert faults == [
        "suite.yaml:3:32: services.a.depends_on.b: services wait for each other: a → b → c → a",
        "suite.yaml:6:32: services.d.depends_on.d: services wait for each other: d → d",
    ]


def test_a_fixed_port_belongs_to_one(told: Check) -> None:
    """The gateway's, the API's, also by default; each later one is told with the first."""
    faults = told(
        HEAD
        + "  a: {command: x, port: 8000}\n  b: {command: x, port: 8080}\n"
        + "  c: {command: x, port: 3000}\n  d: {command: x, port: 3000}\n"
        + "gateway: {port: 8000}\n"
    )

    assert faults == [
        "suite.yaml:3:19: services.a.port: port 8000 is already that of `gateway.port` "
        "(suite.yaml:7:11)",
        "suite.yaml:4:19: services.b.port: port 8080 is already that of `api.port` (its default)",
        "suite.yaml:6:19: services.d.port: port 3000 is already that of `services.c.port` "
        "(suite.yaml:5:19)",
    ]


def test_services_of_different_profiles_may_have_one_port(
    load_text: Callable[..., object], told: Check
) -> None:
    """They are alternatives; two with a profile in common are not."""
    text = (
        HEAD
        + "  a: {command: x, port: 1, profiles: [p]}\n  b: {command: x, port: 1, profiles: [%s]}"
    )

    load_text(text % "q")

    assert len(told(text % "q, p")) == 1


def test_free_ports_clash_with_nobody(load_text: Callable[..., object]) -> None:
    """`auto` is free by definition, for the gateway and the API too."""
    load_text(
        HEAD + "  a: {command: x, port: 8080}\n  b: {command: x, port: auto}\n"
        "gateway: {port: auto}\napi: {port: auto}"
    )


@pytest.mark.parametrize(
    ("routes", "faults"),
    [
        (
            "[{path: /, service: wep}]",
            ["[0].service: no service is called 'wep' (did you mean `web"],
        ),
        (
            "[{path: /, service: dumb}]",
            ["[0].service: `dumb` has no port to send requests to (giv"],
        ),
        ("[{path: /, service: faulty}]", []),
        (
            "[{path: '/a/{x}', service: web}, {path: '/a/{y}/', service: web}]",
            ["[1].path: the same requests already have a route (suite.yaml:6:21)"],
        ),
        (
            "[{path: /a, service: web, methods: [GET]}, {path: /a, service: web, methods: [POST]}]",
            [],
        ),
        ("[{path: '/a/{x}', service: web}, {path: /a/x, service: web}]", []),
        (
            "[{path: /a, service: web, methods: [HEAD]}, {path: /a, service: web, methods: [GET]}]",
            ["[1].path: the same requests already have a route"],
        ),
    ],
)
def test_a_route_leads_to_a_service_that_listens(
    told: Check, routes: str, faults: list[str]
) -> None:
    """And no two routes want the same request."""
    found = told(
        HEAD + "  web: {command: x, port: auto}\n  dumb: {command: x}\n"
        f"  faulty: {{command: x, port: 0}}\ngateway: {{routes: {routes}}}"
    )

    told_of_routes = [line for line in found if "gateway.routes" in line]
    assert len(told_of_routes) == len(faults), found
    for line, fault in zip(told_of_routes, faults, strict=True):
        assert f"gateway.routes{fault}" in line


def test_files_and_folders_are_there(told: Check, write: Write) -> None:
    """Of programs only those of the suite's own folder are looked for; names are for the start."""
    write("A=1", "some.env")
    write("#!/bin/sh\n", "plain.sh")
    write("#!/bin/sh\n", "sub/run.sh").chmod(0o755)

    faults = told(
        HEAD
        + "  a: {command: ./plain.sh, env_file: [some.env, gone.env]}\n"
        + "  b: {command: ./gone.sh, env_file: gone.env}\n"
        + "  c: {command: ./run.sh, working_dir: sub}\n"
        + "  d: {command: ./run.sh, working_dir: gone}\n"
        + "  e: {command: /nowhere/else}\n"
        + "  f: {command: no-such-program}\n"
    )

    assert [fault.split(": ", 1)[1] for fault in faults] == [
        "services.a.command: cannot run plain.sh: it is not executable",
        "services.a.env_file[1]: there is no file gone.env",
        "services.b.command: cannot run gone.sh: there is no such file",
        "services.b.env_file: there is no file gone.env",
        "services.d.working_dir: there is no folder gone",
    ]


def test_routes_of_tenants_are_looked_at_like_all_others(told: Check) -> None:
    """Where they lead, and whose requests they want, at their own place in the file."""
    faults = told(
        HEAD
        + "  web: {command: x, port: auto}\n"
        + "gateway:\n"
        + "  routes:\n"
        + "    - {path: /a, service: web, hosts: acme.example}\n"
        + "tenants:\n"
        + "  acme:\n"
        + "    domains: acme.example\n"
        + "    routes:\n"
        + "      - {path: /a, service: web}\n"
        + "      - {path: /b, service: wep}\n"
        + "      - {path: /c, service: web, hosts: www.acme.example}\n"
    )

    assert [fault.partition(": ")[0] for fault in faults] == [
        "suite.yaml:11:10",
        "suite.yaml:12:20",
    ]
    assert "tenants.acme.routes[0].path: the same requests already have a route" in faults[0]
    assert "no service is called 'wep' (did you mean `web`?)" in faults[1]


@pytest.mark.parametrize(
    ("tenant", "why"),
    [
        ("{routes: [{path: /, service: web}]}", "routes of a tenant need its `domains`"),
        (
            "{domains: a.example, routes: [{path: /, service: web, hosts: b.example}]}",
            "b.example is not below a domain of this tenant",
        ),
        (
            "{domains: a.example, routes: [{path: /, service: web, hosts: xa.example}]}",
            "xa.example is not below a domain of this tenant",
        ),
    ],
)
def test_a_tenant_takes_no_host_of_others(told: Check, tenant: str, why: str) -> None:
    """Its routes are below its own domains."""
    faults = told(HEAD + f"  web: {{command: x, port: auto}}\ntenants:\n  acme: {tenant}\n")

    assert len(faults) == 1
    assert why in faults[0]


def test_the_port_of_plain_requests_is_taken_too(told: Check) -> None:
    """Where TLS sends on what came unencrypted."""
    faults = told(
        HEAD
        + "  web: {command: x, port: 8081}\n"
        + "gateway:\n"
        + "  tls: {self_signed: true, redirect_http: 8081}\n"
    )

    assert len(faults) == 1
    assert "port 8081 is already that of `gateway.tls.redirect_http`" in faults[0]
