"""Drills: what operators do, carried out under load: one small file for each kind, its steps, the proof of its end state, and its way back.

A drill stands in the same ledger as a fault, and is put back by the same undo and proof: that is why this room knows the faults'.

May import: clients, clock, control, deployment, environments.rollout, environments.scaling, faults, files, hashslots, history,
plan, plurals, topology, vocabulary.
"""
