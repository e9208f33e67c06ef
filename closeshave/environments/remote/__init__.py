"""A platform that runs elsewhere: named and fingerprinted in a file, loaded gently, never started or stopped by the harness."""
