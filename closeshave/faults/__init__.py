"""What breaks: one small file a kind of fault; the ledger, the janitor, the guard, and the bridge to Chaos Toolkit.

May import: clients, clock, control, deployment, files, history, plan, plurals, private, scope, topology, vocabulary.
"""
