"""What Locust runs in a trial: each file has one user that is the generator itself."""
