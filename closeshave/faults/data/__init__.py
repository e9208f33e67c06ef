"""Faults that put data at risk: answers that are lost after a commit, and clients that repeat their requests."""

from closeshave.faults.data import acknowledgement_lost, retry_storm

KINDS = (acknowledgement_lost.KIND, retry_storm.KIND)
