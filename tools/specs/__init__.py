"""Makes specs/: of each vendor's description, the part that our connectors are judged by."""
