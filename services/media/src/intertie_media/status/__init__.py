"""Status checker: how all media services are, in one answer."""
