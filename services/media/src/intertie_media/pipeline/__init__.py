"""Processing pipeline: makes playable streams of what was uploaded."""
