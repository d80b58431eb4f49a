"""The use cases, each once. Every way in authenticates, translates and calls these."""
