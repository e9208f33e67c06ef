"""Evidence of an environment, read while it runs and once it is quiet, for the judges."""
