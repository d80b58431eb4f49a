"""What a suite may ask of the management API."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from intertie.suite import Loaded
from intertie.suite.api_integration import ApiIntegration

HEAD = 'suite: x\nservices: {web: {command: "true"}}\n'
LoadText = Callable[..., Loaded]


def test_all_that_is_offered_may_be_named() -> None:
    """Four ways to talk, four ways to be described."""
    made = ApiIntegration.model_validate(
        {
            "patterns": ["rest", "graphql", "websocket", "grpc"],
            "standards": ["openapi", "json schema", "protobuf", "asyncapi"],
        }
    )

    assert len(made.patterns) == len(made.standards) == 4


@pytest.mark.parametrize("wrong", [{"patterns": ["soap"]}, {"standards": ["raml"]}, {"styles": []}])
def test_what_is_not_there_is_refused(wrong: dict[str, object]) -> None:
    """No silent promise."""
    with pytest.raises(ValidationError):
        ApiIntegration.model_validate(wrong)


@pytest.mark.parametrize(
    ("said", "port"),
    [
        ("api_integration: {patterns: [grpc]}", "auto"),
        ("api_integration: {patterns: [grpc]}\napi: {grpc_port: 7070}", 7070),
        ("api_integration: {patterns: [rest]}", None),
    ],
)
def test_grpc_gets_a_port(load_text: LoadText, said: str, port: object) -> None:
    """One that is free, unless the file says which."""
    assert load_text(HEAD + said).suite.api.grpc_port == port
