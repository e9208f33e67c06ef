"""Closeshave: load and resilience testing for franchise booking platforms."""

__version__ = "0.1.0"
