"""How fast the load engine is, compared with k6, wrk and Locust's own client: ``python -m benchmarks``."""
