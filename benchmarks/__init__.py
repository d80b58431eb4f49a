"""Measurements against rivals, interleaved in one run. Never part of the tests: timing is noisy."""
