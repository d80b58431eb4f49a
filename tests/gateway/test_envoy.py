"""Pairs of files in tests/golden/gateway: `case.yaml` is translated to `case.xds.json`.

After a wanted change, write the second of each pair anew and read the difference:

    INTERTIE_UPDATE_GOLDEN=1 python -m pytest tests/gateway/test_envoy.py && git diff tests/golden
"""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import certifi
import pytest
from ruamel.yaml import YAML

from intertie.gateway.envoy import translate
from intertie.gateway.policy.tokens import NAME as JWT_FILTER
from intertie.gateway.routes import Surroundings, build
from intertie.gateway.xds import Resources
from intertie.plan import Endpoint
from intertie.suite.model import Suite

GOLDEN = Path(__file__).parent.parent / "golden" / "gateway"
CASES = sorted(path.stem for path in GOLDEN.glob("*.yaml"))


def resources_of(case: str) -> Resources:
    """What the case's suite is translated to."""
    read: dict[str, Any] = YAML(typ="safe").load(GOLDEN / f"{case}.yaml")
    endpoints = {
        name: tuple(Endpoint(**each) for each in found) for name, found in read["endpoints"].items()
    }
    suite = Suite.model_validate(read["suite"])
    return translate(build(suite, endpoints, Surroundings(issuer="intertie", jwks=read["jwks"])))


def written(resources: Resources) -> str:
    """As kept in the golden file."""
    text = json.dumps(dataclasses.asdict(resources), indent=1, sort_keys=True) + "\n"
    return text.replace(certifi.where(), "AUTHORITIES")  # which lie elsewhere on each machine


def routes_of(case: str) -> list[dict[str, Any]]:
    """The route table, in the order Envoy tries it."""
    table: list[dict[str, Any]] = resources_of(case).routes[0]["virtual_hosts"][0]["routes"]
    return table


@pytest.mark.parametrize("case", CASES)
def test_a_suite_is_translated_as_its_golden_file_says(case: str) -> None:
    """The same suite always gives the same resources, byte for byte."""
    file = GOLDEN / f"{case}.xds.json"
    text = written(resources_of(case))
    if os.environ.get("INTERTIE_UPDATE_GOLDEN"):
        file.write_text(text)

    assert text == file.read_text()


def test_every_route_needs_a_token_unless_it_opts_out() -> None:
    """What is open is listed; all the rest, also what is forgotten, is closed."""
    open_paths = {
        route["name"]
        for route in routes_of("spine")
        if JWT_FILTER in route.get("typed_per_filter_config", {})
    }
    filters = {each["name"]: each["typed_config"] for each in resources_of("spine").filters}
    rules = filters[JWT_FILTER]["rules"]

    assert open_paths == {"/", "/api/live", "/api/live#2", "ambiguous"}
    assert [rule["match"] for rule in rules] == [{"prefix": "/"}]


def test_a_request_that_was_sent_is_tried_again_only_when_that_is_safe() -> None:
    """A replica that dies in the middle of a POST must not get it twice."""
    policies = [
        (route["route"].get("retry_policy"), accepted(route["match"]["headers"][0]["string_match"]))
        for route in routes_of("spine")
        if "route" in route
    ]
    retried = [(each["retry_on"].split(","), methods) for each, methods in policies if each]

    assert len(retried) == 2
    assert len(policies) > len(retried)
    for causes, methods in retried:
        assert ("reset" in causes) == ({"GET", "HEAD", "OPTIONS"} >= set(methods))


def accepted(matcher: dict[str, Any]) -> list[str]:
    """The methods a matcher lets through."""
    return [matcher["exact"]] if "exact" in matcher else matcher["safe_regex"]["regex"].split("|")


def test_no_panic() -> None:
    """A service none of whose replicas is ready gets nothing, instead of everything."""
    for cluster in resources_of("spine").clusters:
        assert cluster["common_lb_config"]["healthy_panic_threshold"] == {"value": 0}
