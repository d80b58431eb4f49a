"""Content management: lists, names and deletes assets, and hands out the page."""
