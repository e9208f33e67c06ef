"""``python -m benchmarks [--quick] [--only closed open_model crowd records judging platform]``: measure, print the table, write ``results.json``."""

from __future__ import annotations

import argparse
import resource
import sys

from benchmarks import result
from benchmarks.effort import FULL, QUICK, Effort
from benchmarks.measures import closed, crowd, judging, open_model, platform, records
from benchmarks.result import Result
from benchmarks.target import Target

MEASURES = {"closed": closed.run, "open_model": open_model.run, "records": records.run, "crowd": crowd.run, "judging": judging.run}
ALONE = {"platform": platform.run}
"""Those that load no nginx."""


def main() -> int:
    """0 when every bar was met, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short looks, once each; prints, writes nothing")
    parser.add_argument("--only", nargs="+", choices=[*MEASURES, *ALONE], default=[*MEASURES, *ALONE], help="some of the measures")
    options = parser.parse_args()
    # Twenty thousand connections, at both ends.
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65_536, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    results = []
    for name in options.only:
        found = _measure(name, QUICK if options.quick else FULL)
        print(result.table(found), flush=True)
        results += found
        if not options.quick:
            result.save(found)
    return 0 if all(each.met for each in results) else 1


def _measure(name: str, effort: Effort) -> list[Result]:
    if name in ALONE:
        return ALONE[name](effort)
    # Each measure has a server of its own, so that none inherits another's connections. Where the clock is judged, not CPU time, the server goes
    # before other programs. A crowd with a connection each needs more descriptors than one process of it may have everywhere.
    with Target(prefer=name != "closed", workers=2 if name == "crowd" else 1) as target:
        return MEASURES[name](target, effort)


if __name__ == "__main__":
    sys.exit(main())
