"""Calls between services: mutual TLS, an identity each, and nobody called who is not to be."""
