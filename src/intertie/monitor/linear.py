"""Regular expressions whose cost grows with the text only: those that users write are asked here.

Python's own engine may need ages for a short pattern such as `(a+)+b`, and nothing else runs
meanwhile. This one has RE2's syntax, as Prometheus has: no look-around, no back-references.
"""

import re
from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

_KEPT = 2_000


def fits(pattern: str, text: str) -> bool:
    """Whether the whole text is as the pattern says.

    A pattern that this engine has no words for is asked of Python's; see `is_linear`.
    """
    engine = _engine(pattern)
    if engine is None:
        return re.fullmatch(pattern, text, re.DOTALL) is not None
    return engine.isinstance_python(text)


def is_linear(pattern: str) -> bool:
    """Whether `fits` is quick for it, whatever the text."""
    return _engine(pattern) is not None


@lru_cache(_KEPT)
def _engine(pattern: str) -> SchemaValidator | None:
    # A pattern that closes more than it opens would be another one within our group.
    if _made(pattern) is None:
        return None
    return _made(rf"\A(?s:{pattern})\z")


def _made(pattern: str) -> SchemaValidator | None:
    schema = core_schema.str_schema(pattern=pattern, strict=True)
    try:
        return SchemaValidator(schema)
    except SchemaError:
        return None
