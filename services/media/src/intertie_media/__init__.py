"""Media management suite run by Intertie."""
