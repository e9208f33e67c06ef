"""A remote platform: named and fingerprinted in a file, loaded within its caps, never started or stopped by the harness."""
