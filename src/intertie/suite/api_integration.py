"""How programs are to talk to the management API."""

from importlib.util import find_spec
from typing import Literal, Self

from pydantic import model_validator

from intertie.suite.values import Model, at

Pattern = Literal["rest", "graphql", "websocket", "grpc"]
_NEEDS: dict[Pattern, str] = {"graphql": "strawberry", "grpc": "grpc"}


class ApiIntegration(Model):
    """How programs are to talk to the management API; each of these must be there."""

    patterns: tuple[Pattern, ...] = ()
    """`grpc` also opens a port for it, where `api.grpc_port` names none. All others are served at
    any time."""
    standards: tuple[Literal["openapi", "json schema", "protobuf", "asyncapi"], ...] = ()
    """In which it is described; it always is in all of these."""

    @model_validator(mode="after")
    def _is_there(self) -> Self:
        for index, pattern in enumerate(self.patterns):
            library = _NEEDS.get(pattern)
            if library is not None and find_spec(library) is None:
                raise at("patterns", f"item {index}: {pattern} needs intertie[{pattern}]")
        return self
