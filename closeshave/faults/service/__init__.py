"""Faults of the platform's own processes: one application among several of a region, or a release of all of them."""

from closeshave.faults.service import bad_version, clock_skewed, cpu_squeezed, erring, hung, killed, out_of_memory

KINDS = (killed.KIND, out_of_memory.KIND, hung.KIND, cpu_squeezed.KIND, erring.KIND, clock_skewed.KIND, bad_version.KIND)
