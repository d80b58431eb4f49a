"""The catalogue of connectors: what is known of each kind before it is loaded."""

import json
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from inspect import getdoc, isabstract

import intertie.integrations
from intertie.integrations.base import BaseIntegration

_ROOT = intertie.integrations


def render() -> str:
    """All of them, by their kinds."""
    rows = sorted((_row(each) for each in _classes()), key=lambda row: str(row["kind"]))
    return json.dumps(rows, indent=1, sort_keys=True) + "\n"


def _classes() -> Iterator[type[BaseIntegration]]:
    for package in pkgutil.iter_modules(_ROOT.__path__, f"{_ROOT.__name__}."):
        if not package.ispkg:
            continue
        folder = import_module(package.name)
        for module in pkgutil.iter_modules(folder.__path__, f"{package.name}."):
            found = vars(import_module(module.name)).values()
            yield from (each for each in found if _is_connector(each, module.name))


def _is_connector(found: object, module: str) -> bool:
    return (
        isinstance(found, type)
        and issubclass(found, BaseIntegration)
        and found.__module__ == module
        and not isabstract(found)
        and "kind" in vars(found)
    )


def _row(cls: type[BaseIntegration]) -> dict[str, object]:
    settings = getattr(cls, "settings_type", None)
    schema = settings.model_json_schema() if settings is not None else {}
    return {
        "kind": cls.kind,
        "title": (getdoc(cls) or "").splitlines()[0].rstrip("."),
        "category": cls.__module__.split(".")[-2],
        "module": cls.__module__,
        "name": cls.__name__,
        "docs": getattr(cls, "docs", ""),
        "stability": getattr(cls, "stability", "alpha"),
        "operations": sorted(getattr(cls, "operations", {})),
        "settings": schema,
    }
