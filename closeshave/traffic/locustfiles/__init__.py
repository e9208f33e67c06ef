"""The files that Locust runs in a trial: each has one user, which is the generator itself."""
