"""Contracts that every adapter of a port keeps, as test classes to inherit from."""
