"""The servers of an environment, one module for each: its configuration, processes and queries."""
