"""`openapi.json`, made from the routes without a running suite."""

import json

from intertie.api.rest import create_app


def render() -> str:
    """The exact text of `schemas/openapi.json`: sorted, indented, ending in a newline."""
    return json.dumps(create_app(None).openapi(), indent=2, sort_keys=True) + "\n"
