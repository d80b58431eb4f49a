"""Intertie's message bus beside the raw client libraries and FastStream, on the same brokers."""
