"""How a server is asked: what faults, probes and evidence share, so that each server has one client."""
