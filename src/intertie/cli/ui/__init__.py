"""The terminal UI: a client of the management API like every other command."""
