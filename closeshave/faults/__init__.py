"""Faults: one small file for each kind; the ledger, the janitor, the guard, and the connection to Chaos Toolkit.

May import: clients, clock, cluster, control, deployment, extensions, files, hashslots, history, plan, plurals, private, scope, topology, vocabulary.
"""
