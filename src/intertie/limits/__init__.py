"""How often something may happen: policies, and what counts by them, in one process or many."""
