"""How fast the load engine is, against k6, wrk and Locust's own client: ``python -m benchmarks``."""
