"""Where samples come from, and the one who asks for them each interval."""
