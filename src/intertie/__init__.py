"""Intertie runs your services as one system."""
