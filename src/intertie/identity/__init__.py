"""Who may do what: the suite's own token issuer and the key of the management API."""
