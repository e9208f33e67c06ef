"""What Locust is told to run in a trial: each file has one user that is the generator itself."""
