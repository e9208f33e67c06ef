"""Faults that put data at risk: answers that get lost after a commit, and clients that ask again and again."""

from closeshave.faults.data import acknowledgement_lost, retry_storm

KINDS = (acknowledgement_lost.KIND, retry_storm.KIND)
