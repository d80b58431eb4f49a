"""Backups: taken whole, kept by a rule, and restored for practice."""
