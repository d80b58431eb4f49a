"""The GraphQL schema, put together; what a resolver says of itself is its description."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

import strawberry
from graphql import GraphQLError
from graphql.validation import MaxIntrospectionDepthRule
from strawberry.extensions import AddValidationRules, MaxTokensLimiter
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from intertie.api import graphql_mutations as mutations
from intertie.api import graphql_queries as queries
from intertie.api import graphql_types as types
from intertie.api.graphql_limits import MAX_TOKENS, Limits


def _field(resolver: Callable[..., object]) -> Any:  # Any: strawberry takes its place
    return strawberry.field(resolver=resolver, description=_line(resolver))


def _stream(resolver: Callable[..., AsyncGenerator[object, None]]) -> Any:  # Any: see above
    return strawberry.subscription(resolver=resolver, description=_line(resolver))


def _line(resolver: Callable[..., object]) -> str:
    return " ".join((resolver.__doc__ or "").split())


@strawberry.type
class Query:
    """What can be looked at."""

    health: types.Health = _field(queries.health)
    services: types.ServicePage = _field(queries.services)
    service: types.Service = _field(queries.service)
    changes: types.ChangePage = _field(queries.changes)
    change: types.Change = _field(queries.change)
    events: list[types.Event] = _field(queries.events)
    logs: list[types.LogLine] = _field(queries.logs)
    plan: types.Plan = _field(queries.plan)
    plugins: list[types.Plugin] = _field(queries.plugins)
    bus: types.BusStatus = _field(queries.bus)
    topics: list[types.BusTopic] = _field(queries.topics)
    groups: list[types.BusGroup] = _field(queries.groups)
    metrics: JSON = _field(queries.metrics)


@strawberry.type
class Mutation:
    """What can be done."""

    start: types.Change = _field(mutations.start)
    stop: types.Change = _field(mutations.stop)
    restart: types.Change = _field(mutations.restart)
    scale: types.Change = _field(mutations.scale)
    apply: types.Change = _field(mutations.apply)
    abort: types.Change = _field(mutations.abort)
    mint_token: types.Token = _field(mutations.mint_token)
    publish: types.Event = _field(mutations.publish)


@strawberry.type
class Subscription:
    """What can be followed."""

    events: AsyncGenerator[types.Event, None] = _stream(queries.follow_events)
    change: AsyncGenerator[types.Change, None] = _stream(queries.follow_change)


class _Schema(strawberry.Schema):
    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Nothing: faults of ours are logged where they are told, those of others are not."""


SCHEMA = _Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    extensions=[
        lambda: MaxTokensLimiter(max_token_count=MAX_TOKENS),
        lambda: AddValidationRules([MaxIntrospectionDepthRule, Limits]),
    ],
    config=StrawberryConfig(sort_schema=True),
)


def render() -> str:
    """The exact text of `schemas/schema.graphql`."""
    return SCHEMA.as_str() + "\n"
