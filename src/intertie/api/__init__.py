"""The management API: authenticates, translates, and lets `control` do it."""
