"""Clouds: machines, storage and queues of others."""

from intertie.integrations.catalog import exports

__getattr__ = exports(__name__)
