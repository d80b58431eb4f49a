"""The gateway: routes of a suite to a small intermediate form, and that to the files of Envoy."""
