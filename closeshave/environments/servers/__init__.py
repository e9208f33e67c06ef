"""The servers of an environment, a module each: how it is configured, started and asked."""
