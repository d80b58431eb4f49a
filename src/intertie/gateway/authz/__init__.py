"""The process beside Envoy that says who may pass: keys, sessions, revocation, exact limits."""
