"""Reconcile, convert and sum up the records in a directory; prints its own peak of memory. ``python -m benchmarks.digest DIRECTORY``."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from closeshave.loadgen.convert import convert
from closeshave.loadgen.percentiles import percentiles


def main() -> None:
    """Process the records of the directory on the command line."""
    directory = Path(sys.argv[1])
    started = time.monotonic()
    converted = convert(directory, directory / "operations.parquet")
    halfway = time.monotonic()
    found = percentiles(directory)
    told = {
        "convert s": halfway - started,
        "percentiles s": time.monotonic() - halfway,
        "groups": len(found),
        "operations": converted.operations,
        "reconciled": float(converted.reconciled and sum(each.count for each in found) == converted.operations),
        "gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / (1 << 30),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
