"""How often a client may ask: the decision, the counters behind it, and how it is told."""
