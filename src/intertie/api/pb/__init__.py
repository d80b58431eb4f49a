"""Messages of proto/, made by `make generate`."""
