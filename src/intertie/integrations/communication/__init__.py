"""Services that bring messages to people: chat, texts, mail, pushes."""

from intertie.integrations.catalog import exports

__getattr__ = exports(__name__)
