"""WHAT is wanted: the suite file, loaded and checked into frozen models."""

from intertie.suite.load import Loaded, load
from intertie.suite.model import Suite

__all__ = ["Loaded", "Suite", "load"]
