"""Faults of a region: everything in one failure domain, or all links to it."""

from closeshave.faults.region import (
    customers_cut,
    customers_partitioned,
    data_links_cut,
    flapping,
    lossy,
    lost,
    partitioned,
    restored,
    slow,
)

KINDS = (
    lost.KIND,
    restored.KIND,
    partitioned.KIND,
    customers_partitioned.KIND,
    customers_cut.KIND,
    data_links_cut.KIND,
    slow.KIND,
    lossy.KIND,
    flapping.KIND,
)
