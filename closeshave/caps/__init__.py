"""The highest rate of a plan: its average (:mod:`.offered`), what random arrivals add (:mod:`.chance`), and a shared rate limit (:mod:`.pace`).

The owner of a platform states a cap; a plan that can exceed it is refused, and requests outside the measured window stay within it too.

May import: plan, quantiles, topology.
"""
