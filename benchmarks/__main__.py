"""``python -m benchmarks [--quick] [--only closed open_model crowd records judging platform watching live_page live_day]``: measure, print the table,
write it to ``results/…json``.
"""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from benchmarks import circumstances, result
from benchmarks.effort import FULL, QUICK, Effort
from benchmarks.measures import closed, crowd, judging, live_day, live_page, open_model, platform, records, watching
from benchmarks.result import Result, Run
from benchmarks.target import Target

Loading = Callable[[Target, Effort], list[Result]]

MEASURES: dict[str, tuple[Loading, ...]] = {
    "closed": (closed.small_get, closed.journey, closed.tls),
    "open_model": (open_model.schedule, open_model.omission),
    "records": (records.exact, records.ten_million),
    "crowd": (crowd.run,),
    "judging": (judging.run,),
}
"""Name → the measurements, which run one after the other on one server."""
ALONE = {"platform": platform.run, "watching": watching.run, "live_page": live_page.run, "live_day": live_day.run}
"""Measures without nginx."""


def main() -> int:
    """Returns 0 when every bar was met, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short measurements, once each; writes nothing")
    parser.add_argument("--only", nargs="+", choices=[*MEASURES, *ALONE], default=[*MEASURES, *ALONE], help="some of the measures")
    options = parser.parse_args()
    # Twenty thousand connections, at both ends.
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65_536, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    run = Run.begin(options.only)
    for name in options.only:
        for found in _measured(name, QUICK if options.quick else FULL):
            print(result.table(found), flush=True)
            if options.quick:
                run.results.extend(found)
            else:
                run.add(found)
    if not options.quick:
        print(run.path)
    return 0 if all(each.met for each in run.results) else 1


def _measured(name: str, effort: Effort) -> Iterator[list[Result]]:
    if name in ALONE:
        yield _told(partial(ALONE[name], effort))
        return
    # Each measure has a server of its own, so that none inherits another's connections. Where the clock is judged, not CPU time, the server goes
    # before other programs. A crowd with a connection each needs more descriptors than one process of it may have everywhere.
    with Target(prefer=name != "closed", workers=2 if name == "crowd" else 1) as target:
        for part in MEASURES[name]:
            yield _told(partial(part, target, effort))


def _told(measure: Callable[[], list[Result]]) -> list[Result]:
    """The measures and the circumstances, as text."""
    before = circumstances.now()
    found = measure()
    told = circumstances.around(before, circumstances.now())
    return [replace(each, circumstances=told) for each in found]


if __name__ == "__main__":
    sys.exit(main())
