"""What a trial runs on: definitions and drivers. Servers are configured and started here, and their evidence for the judges is read.

May import: api, caps, clients, clock, cluster, control, deployment, files, hashslots, history,
operations, plan, plurals, private, standin, topology, vocabulary.
"""
