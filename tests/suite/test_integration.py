"""Connections to services outside, as the suite file has them."""

from pathlib import Path

import pytest

from intertie.errors import SuiteError
from intertie.suite import load
from intertie.suite.integration import Integration, IntegrationChange, merged, owners

SPOTIFY = Integration(
    kind="spotify", config={"client_id": "abc", "client_secret": "${secret:spotify}"}
)


def suite_with(folder: Path, text: str) -> Path:
    """A file with these integrations and tenants."""
    file = folder / "suite.yaml"
    file.write_text(f'suite: shop\nservices: {{web: {{command: "true"}}}}\n{text}')
    return file


def test_the_guides_words_and_defaults() -> None:
    """Half a minute, three attempts, twice the pause each time, five failures, a minute."""
    assert SPOTIFY.timeout == 30
    assert (SPOTIFY.retry_policy.max_attempts, SPOTIFY.retry_policy.backoff_multiplier) == (3, 2.0)
    breaker = SPOTIFY.circuit_breaker
    assert (breaker.failure_threshold, breaker.recovery_timeout) == (5, 60)


def test_a_tenant_changes_what_it_says_and_no_more() -> None:
    """Also within a table: the other keys stay."""
    change = IntegrationChange(timeout=5, config={"client_id": "own"})

    made = merged(SPOTIFY, change)

    assert made.timeout == 5
    assert made.config == {"client_id": "own", "client_secret": "${secret:spotify}"}
    assert merged(SPOTIFY, None) is SPOTIFY
    assert owners(SPOTIFY) == ("default",)


def test_overlays_and_secrets_come_from_the_file(tmp_path: Path) -> None:
    """As the guide's `config/integrations.yaml` has them, for an environment."""
    file = suite_with(
        tmp_path,
        """
integrations:
  main:
    kind: spotify
    rate_limits: {requests_per_minute: 100, burst_limit: 20}
    config: {client_id: "${env:ID}", client_secret: "${secret:spotify}"}
environments:
  development:
    integrations: {main: {rate_limits: {requests_per_minute: 10, burst_limit: 5}}}
""",
    )

    usual = load(file, env={"ID": "abc"}).suite.integrations["main"]
    development = load(file, env={"ID": "abc"}, environment="development").suite

    assert usual.config == {"client_id": "abc", "client_secret": "${secret:spotify}"}
    assert usual.rate_limits.requests_per_minute == 100
    assert development.integrations["main"].rate_limits.burst_limit == 5


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("integrations: {main: {kind: spotify, tenants: [acme]}}", "'acme', which is no tenant"),
        ("tenants: {acme: {integrations: {main: {timeout: 5}}}}", "'main', which is not here"),
        (
            "integrations: {main: {kind: x}}\n"
            "tenants: {acme: {integrations: {main: {rate_limits: {requests_per_minute: 0}}}}}",
            "acme.integrations.main.rate_limits.requests_per_minute",
        ),
        ("integrations: {main: {kind: x, retry_policy: {max_attempts: 0}}}", "at least 1"),
        ("integrations: {main: {kind: x, timeout: 5, typo: 1}}", "unknown key"),
    ],
)
def test_what_makes_no_sense_is_a_fault(tmp_path: Path, text: str, why: str) -> None:
    """With the place."""
    with pytest.raises(SuiteError, match=why):
        load(suite_with(tmp_path, text))
