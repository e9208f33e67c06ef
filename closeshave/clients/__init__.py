"""Clients of the servers: PostgreSQL, Patroni, Valkey, Sentinel, HAProxy, Toxiproxy, and plain TCP and HTTP; one client for each.

Faults, probes and evidence share them. An injection and its probe use different requests of a client, or different clients.

May import: deployment.
"""
