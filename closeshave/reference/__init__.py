"""The reference: JSON Schemas of the files that people write and of those that other programs read, and the pages below ``docs/reference``.

Made from the code: ``python -m closeshave.reference docs`` writes them again. What a key means stands beside it, as the docstring below a field;
nothing is said twice.

May import: api, capacity, claims, cli, clients, cluster, drills, environments, faults, files, gameday, gate, judge, plan, probes, readiness, report,
target, traffic, vocabulary.
"""
