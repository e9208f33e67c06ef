"""What a trial runs on: definitions and drivers. Servers are configured and started here, and their evidence for the judges is read.

May import: api, caps, clients, clock, control, deployment, files, history, operations, plan, plurals, private, standin, topology, vocabulary.
"""
