"""Faults of what the platform depends on and does not run: the payment provider."""

from closeshave.faults.dependency import down, erring, late, slow, webhooks

KINDS = (slow.KIND, down.KIND, erring.KIND, late.KIND, webhooks.KIND)
