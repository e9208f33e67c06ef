"""Clients of the servers: PostgreSQL, Patroni, etcd, Valkey, Sentinel, HAProxy, Toxiproxy, Kubernetes, and plain TCP and HTTP; one client for each.

Faults, probes and evidence share them. An injection and its probe use different requests of a client, or different clients. No other module opens a
connection, except the few that ``tests/core/test_one_client.py`` lists with their reasons.

May import: deployment, files, hashslots.
"""
