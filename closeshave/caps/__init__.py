"""What a plan may send at most: on average (:mod:`.offered`), what chance adds to that (:mod:`.chance`), and a pace that callers share (:mod:`.pace`).

The owner of a platform states a cap; a plan that can exceed it is refused, and what is sent outside the measured window keeps to it too.
"""
