"""Streaming engine: hands out playlists, segments and posters to those who may see them."""
