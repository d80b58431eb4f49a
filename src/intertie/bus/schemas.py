"""What the data of a topic must look like: JSON Schema, checked where events come and go."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import jsonschema_rs

from intertie.errors import BusError

_SHOWN = 5


class Schemas:
    """Compiled once; topics without a schema may carry anything."""

    def __init__(self, schemas: Mapping[str, dict[str, Any]] | None = None) -> None:
        """Raises BusError for what is no JSON Schema."""
        self._validators: dict[str, Any] = {}  # Any: the library's classes differ by draft
        for topic, schema in (schemas or {}).items():
            try:
                self._validators[topic] = jsonschema_rs.validator_for(
                    schema, validate_formats=True, retriever=_refuse
                )
            except (ValueError, jsonschema_rs.ReferencingError) as exc:
                raise BusError(f"cannot use the schema of {topic}: {_first_line(exc)}") from exc

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a JSON file that maps topics to schemas. Raises BusError."""
        try:
            return cls(json.loads(path.read_bytes()))
        except (OSError, ValueError) as exc:
            raise BusError(f"cannot read the schemas of the bus in {path}: {exc}") from exc

    def check(self, topic: str, data: object) -> None:
        """Raises BusError that tells each place where `data` is not as the topic's schema says."""
        validator = self._validators.get(topic)
        try:
            if validator is None or validator.is_valid(data):
                return
            errors = list(validator.iter_errors(data))
        except ValueError as exc:
            raise BusError(f"is no JSON: {_first_line(exc)}") from exc
        told = "; ".join(
            f"{_place(error)}: {_first_line(error.message)}" for error in errors[:_SHOWN]
        )
        more = f"; and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
        raise BusError(f"does not match the schema of {topic}: {told}{more}")


def _refuse(uri: str) -> dict[str, Any]:
    """Nothing is fetched to read a schema."""
    raise ValueError(f"{uri} is outside of it")


def _place(error: Any) -> str:  # Any: the library's error
    return "/".join(str(part) for part in error.instance_path) or "data"


def _first_line(told: object) -> str:
    return str(told).splitlines()[0][:300]
