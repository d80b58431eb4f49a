"""The authorization server: OAuth 2.1 and OpenID Connect endpoints over the token issuer."""
