"""Schemas of topics that lie in files, and what is wrong between topics and the rest of a suite."""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import cast

from intertie.errors import Fault
from intertie.suite.document import read_text
from intertie.suite.interpolate import MissingError
from intertie.suite.nearest import did_you_mean
from intertie.suite.parse import MAX_DEPTH, parse
from intertie.suite.topics import JsonSchema, Topic, check_schema
from intertie.suite.tree import Keys, plain


def read_schema(topic: Topic, folder: Path) -> JsonSchema | None:
    """The topic's schema, from its file where it names one.

    Raises ValueError with the reason.
    """
    source = topic.payload_schema
    if not isinstance(source, str):
        return source
    path = folder / source
    try:
        text = read_text(path)
    except MissingError as exc:
        raise ValueError(str(exc)) from exc
    found = _json(text) if path.suffix == ".json" else _yaml(text, path)
    if not isinstance(found, dict):
        raise ValueError("expected a JSON Schema: a map")
    schema = cast("JsonSchema", found)
    check_schema(schema)
    return schema


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except RecursionError as exc:
        raise ValueError(f"expected a schema of at most {MAX_DEPTH} levels") from exc
    except ValueError as exc:
        raise ValueError(f"expected JSON; {exc}") from exc


def _yaml(text: str, path: Path) -> object:
    faults: list[Fault] = []
    node = parse(text, path, faults)
    if faults:
        raise ValueError(f"line {faults[0].line}: {faults[0].message}")
    return plain(node) if node is not None else None


def read_topics(topics: Mapping[str, Topic], folder: Path) -> dict[str, Topic]:
    """The same with every schema in place of its path. Raises ValueError with topic and reason."""
    found: dict[str, Topic] = {}
    for name, topic in topics.items():
        try:
            schema = read_schema(topic, folder)
        except ValueError as exc:
            raise ValueError(f"cannot read the schema of topic {name}: {exc}") from exc
        found[name] = topic.model_copy(update={"payload_schema": schema})
    return found


def topic_schemas(topics: Mapping[str, Topic], folder: Path) -> dict[str, JsonSchema]:
    """The schema of each topic that has one. Raises ValueError with topic and reason."""
    read = read_topics(topics, folder).items()
    return {name: t.payload_schema for name, t in read if isinstance(t.payload_schema, dict)}


def faults(
    topics: Mapping[str, Topic], *, services: Collection[str], folder: Path
) -> Iterator[tuple[Keys, str, str]]:
    """What no topic knows by itself: way to the key below `topics`, what is wrong, what to do."""
    for name, topic in topics.items():
        for side in ("publishers", "subscribers"):
            for index, service in enumerate(cast("tuple[str, ...]", getattr(topic, side))):
                if service not in services:
                    why = f"no service is called {service!r}"
                    yield (name, side, index), why, did_you_mean(service, services)
        try:
            schema = read_schema(topic, folder)
        except ValueError as exc:
            yield (name, "schema"), str(exc), ""
            continue
        properties = (schema or {}).get("properties")
        if topic.key and isinstance(properties, dict) and topic.key not in properties:
            why = f"the schema has no field {topic.key!r}"
            yield (name, "key"), why, did_you_mean(topic.key, cast("dict[str, object]", properties))
