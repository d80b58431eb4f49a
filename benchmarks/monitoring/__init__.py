"""What it costs to keep, to query and to judge metrics."""
