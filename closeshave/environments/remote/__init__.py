"""A remote platform: described in a file with its fingerprint, loaded within its caps, never started or stopped by the harness."""
