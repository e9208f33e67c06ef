"""Faults on the pods and nodes of a Kubernetes cluster, through its API: what the catalogue's kinds do there, without a hook of the operator.

Each change carries a mark and its own way back, so that the cluster alone is enough to heal it; ``keeper.py`` does so from inside the cluster.
"""
