"""How a server is asked: PostgreSQL, Patroni, Valkey, Sentinel, HAProxy, Toxiproxy, or anything by TCP and HTTP; one client a server.

Faults, probes and evidence share them. What a fault does and what notices it use different questions of a client, or different clients.
"""
