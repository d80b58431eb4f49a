import signal
from pathlib import Path

import pytest

from intertie.drivers import Launch
from intertie.errors import DriverError
from intertie.runtime.environment import (
    Surroundings,
    fingerprint,
    inherited,
    make_launch,
    url_variable,
)
from tests.runtime.stage import service


def launch(folder: Path, **keys: object) -> Launch:
    """Of a replica beside services `db-main` and itself."""
    place = Surroundings(
        suite="media",
        folder=folder,
        logs=folder / "logs",
        data=folder / "data",
        sockets=Path("/run"),
        env={"PATH": "/bin"},
        resolve=lambda text: text.replace("${secret:pw}", "hidden"),
    )
    urls = {"db-main": "http://127.0.0.1:1", "api": "http://127.0.0.1:2"}
    spec = service("x", **keys)
    port = spec.port if isinstance(spec.port, int) else None
    return make_launch("api", 3, spec, port=port, urls=urls, place=place)


def test_a_process_gets_what_it_needs_to_know(tmp_path: Path) -> None:
    """The suite, its data, its port, and the other services' addresses."""
    assert launch(tmp_path, port=8080).env == {
        "PATH": "/bin",
        "INTERTIE_SUITE": "media",
        "INTERTIE_DATA": str(tmp_path / "data"),
        "INTERTIE_STOP_GRACE": "5",
        "INTERTIE_URL_DB_MAIN": "http://127.0.0.1:1",
        "PORT": "8080",
    }


def test_later_sources_win(tmp_path: Path) -> None:
    """Inherited, then files in order, then `environment`, then the port."""
    (tmp_path / "a.env").write_text("PATH=/a\nA=a\nB=a\nPORT=1\n# comment\nEMPTY=\nBARE\n")
    (tmp_path / "b.env").write_text('B=b\nC="x y"\nD=$A\n')

    env = launch(tmp_path, port=8080, env_file=["a.env", "b.env"], environment={"C": "c"}).env

    assert (env["PATH"], env["A"], env["B"], env["C"], env["PORT"]) == ("/a", "a", "b", "c", "8080")
    assert (env["D"], env["EMPTY"]) == ("$A", "")
    assert "BARE" not in env


def test_secrets_are_resolved_at_the_last_moment(tmp_path: Path) -> None:
    """The environment of the process holds the value."""
    env = launch(tmp_path, environment={"DSN": "db://x:${secret:pw}@h"}).env

    assert env["DSN"] == "db://x:hidden@h"


def test_a_missing_env_file_is_named(tmp_path: Path) -> None:
    """The error says which service and which file."""
    with pytest.raises(DriverError, match=r"cannot start service 'api': its env_file .*no\.env"):
        launch(tmp_path, env_file="no.env")


def test_a_launch_holds_the_rest(tmp_path: Path) -> None:
    """Folder, logs and how to stop."""
    made = launch(tmp_path, working_dir="sub", stop_signal="SIGINT", stop_grace_period="2s")

    assert made.cwd == tmp_path / "sub"
    assert made.stdout == tmp_path / "logs/api/3.out.log"
    assert made.stderr == tmp_path / "logs/api/3.err.log"
    assert (made.stop_signal, made.stop_grace_s) == (signal.SIGINT, 2.0)
    assert (made.service, made.replica) == ("api", 3)


def test_only_little_is_inherited() -> None:
    """What happens to be in the user's shell does not reach the services."""
    env = {"PATH": "p", "HOME": "h", "LC_ALL": "C", "AWS_SECRET_ACCESS_KEY": "x", "PORT": "1"}

    assert inherited(env) == {"PATH": "p", "HOME": "h", "LC_ALL": "C"}


def test_names_become_variables() -> None:
    """Letters are raised, all that is no letter or digit becomes `_`."""
    assert url_variable("db-main.v2") == "INTERTIE_URL_DB_MAIN_V2"


def test_a_fingerprint_tells_what_makes_another_process() -> None:
    """A change of treatment keeps it, a change of the process does not."""
    base = fingerprint(service())

    assert base == fingerprint(service(restart="always", stop_grace_period="9s", replicas=3))
    assert base != fingerprint(service(environment={"A": "1"}))
    assert base != fingerprint(service(port="auto"))
