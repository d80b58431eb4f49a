"""Connections as a suite declares them."""

from pathlib import Path

import pytest

from intertie.errors import NotFoundError, SuiteError
from intertie.integrations.declared import check_kinds, declared, origins
from intertie.suite import load
from intertie.suite.load import Loaded

TEXT = """
suite: shop
services: {web: {command: "true"}}
tenants:
  acme: {features: [premium], integrations: {music: {timeout: 5s, config: {client_id: own}}}}
  globex: {}
integrations:
  music:
    kind: spotify
    tenants: [acme, globex, default]
    rate_limits: {requests_per_minute: 100}
    config: {client_id: abc, client_secret: "${secret:spotify}"}
  extra: {kind: spotify, tenants: [acme, globex], feature: premium}
environments:
  development:
    integrations: {music: {rate_limits: {requests_per_minute: 10}}}
"""


def loaded(folder: Path, environment: str | None = None, *, text: str = TEXT) -> Loaded:
    """The suite above."""
    (folder / "suite.yaml").write_text(text)
    return load(folder / "suite.yaml", environment=environment)


def test_each_tenant_has_its_own(tmp_path: Path) -> None:
    """What it bought, as it wants it."""
    suite = loaded(tmp_path).suite

    found = {(d.tenant, d.name): d.told for d in declared(suite.integrations, suite.tenants)}

    assert set(found) == {
        *((tenant, "music") for tenant in ("acme", "globex", "default")),
        ("acme", "extra"),
    }
    assert (found["acme", "music"].timeout, found["globex", "music"].timeout) == (5, 30)


def test_secrets_are_put_in_at_the_last_moment(tmp_path: Path) -> None:
    """What is declared has references; what is made has words, and shows none of them."""
    suite = loaded(tmp_path).suite
    [own, *_] = declared(suite.integrations, suite.tenants)

    config = own.config(lambda text: text.replace("${secret:spotify}", "hunter2"))

    assert own.told.config["client_secret"] == "${secret:spotify}"
    assert config.config == {"client_id": "own", "client_secret": "hunter2"}
    assert "hunter2" not in repr(config)


def test_each_setting_says_where_it_is_from(tmp_path: Path) -> None:
    """The tenant's line, the overlay's, the suite's, a default, or the kind."""
    found = {e.key: e for e in origins(loaded(tmp_path, "development"), "music", "acme")}

    def place(key: str) -> str:
        return found[key].origin.removeprefix(str(tmp_path / "suite.yaml"))

    assert place("timeout") == ":5:54 (tenant acme)"
    assert found["timeout"].value == "5.0"
    assert place("rate_limits.requests_per_minute") == ":16:42"
    assert place("config.client_secret") == ":12:30"
    assert found["config.client_secret"].value == "${secret:spotify}"
    assert place("circuit_breaker.failure_threshold") == "default"
    assert place("limits.per") == "kind spotify"


def test_what_a_tenant_lacks_cannot_be_explained(tmp_path: Path) -> None:
    """A feature it has not bought gives it none."""
    with pytest.raises(NotFoundError, match="globex has none"):
        origins(loaded(tmp_path), "extra", "globex")


def test_each_kind_must_be_known(tmp_path: Path) -> None:
    """What there is none of is told with its place and the nearest word."""
    check_kinds(loaded(tmp_path))
    text = TEXT.replace("kind: spotify,", "kind: spotfy,").replace("kind: spotify\n", "kind: xyz\n")

    with pytest.raises(SuiteError) as caught:
        check_kinds(loaded(tmp_path, text=text))

    one, other = (str(each) for each in caught.value.faults)
    assert "suite.yaml:9:5: integrations.music.kind: no kind is called 'xyz'" in one
    assert "known are" in one
    assert "did you mean spotify?" in other
