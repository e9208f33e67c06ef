"""What is read of an environment, while it runs and once it is quiet: the record that judges have."""
