"""WHAT is wanted: the suite file, loaded and checked into frozen models."""
