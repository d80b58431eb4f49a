"""Services that programs call: music, social media, payments, analytics."""

from intertie.integrations.catalog import exports

__getattr__ = exports(__name__)
