"""Tokens: signing keys, strict verification, refresh tokens, codes, clients and revocation."""
