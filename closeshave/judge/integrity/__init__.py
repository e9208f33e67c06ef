"""Breaches of integrity: a search for each kind, and one registry of them all (:mod:`.registry`).

May import: extensions, history, judge.evidence, judge.measures, judge.verdict, judge.verdicts, judge.witnesses, operations, plurals, target, topology.
"""
