"""Clients of the servers: PostgreSQL, Patroni, Valkey, Sentinel, HAProxy, Toxiproxy, and plain TCP and HTTP; one client for each.

Faults, probes and evidence share them. What a fault does and what notices it use different questions of a client, or different clients.

May import: deployment.
"""
