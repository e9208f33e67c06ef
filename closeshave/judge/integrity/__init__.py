"""Breaches of integrity: a search for each kind, and one registry of them all (:mod:`.invariants`)."""
