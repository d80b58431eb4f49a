"""The developer portal: own API keys, what is left of limits, and the API with a try-out."""
