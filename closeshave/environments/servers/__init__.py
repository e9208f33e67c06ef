"""The servers of an environment, one module each: how it is configured, started and queried."""
