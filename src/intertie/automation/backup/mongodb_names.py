"""How files of a MongoDB's dump are called."""

from urllib.parse import quote


def file_name(name: str, ending: str = "") -> str:
    """Of a database or a collection, whatever it is called."""
    return quote(name, safe=" ").replace(".", "%2E") + ending
