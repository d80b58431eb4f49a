"""OpenAPI: documents to routes and request checks, and the gateway as one document."""
