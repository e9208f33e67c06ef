"""Generates the page of the probes: ``python -m closeshave.probes.page docs/probes.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from closeshave.files import write_atomically
from closeshave.files.described import meanings
from closeshave.plurals import counted
from closeshave.probes.catalogue import FAMILIES, PROBES, SMOKE
from closeshave.probes.corpus import cases
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.values import ProbeOutcome, ProbeReach

INTRODUCTION = """# Probes

Made by `python -m closeshave.probes.page docs/probes.md` from `closeshave/probes/`.

A load test says how well a platform serves; a probe says whether a single promise is true: does franchise 25,001 lead to shard 2, does a session live
24 hours, is a wrong token refused. `closeshave probe` asks them:

```sh title="not run by the tests: it starts an environment"
closeshave probe
closeshave probe --environment embedded --family routing --family ttl
closeshave probe --environment staging.yaml --target mine.yaml --strain
```

The environment is started, and removed at the end, unless one of that name is running. Without `--family` and `--probe` the smoke suite is asked, and
every probe that a promise of the target names.

## What a probe finds

OUTCOMES

A probe asks and records; then it is judged from the record alone. It *holds* only if everything that was to be asked was asked, and every answer is
as promised. An answer that did not come, a rate limit, or a store that cannot be read makes it *unknown*, never *holds*. What cannot be asked at all
says so: *not asked here, because …*; a probe of the smoke suite that no promise names is then left out. Every finding has witnesses: the question,
the answer, the values that were read.

| exit code | meaning |
|---|---|
| 0 | every probe holds |
| 1 | at least one is broken |
| 3 | none is broken, and at least one is unknown |
| 4 | the environment failed, or something that a probe made could not be removed (it is named) |
| 5 | the platform must not be asked: it is not the one of its file, it shows live keys, or a trial uses it |

## What a probe does to the platform

REACHES

An environment that is started for the round gets all of them. One that is running gets those that *read* and *book*; `--strain` permits the others. A
remote platform is recognised by its fingerprint first, and its cap on requests per second is kept. Production is only read, whatever is permitted
elsewhere. Bookings are cancelled and names of shops put back, also if the probe fails.

## Which promise a probe is evidence for

A claim of a target names its probes; all of them must hold:

```yaml
claims:
  - {id: P1, text: "A session lives a day", how: [probe], probes: [ttl.sessions], says: [{ttl: 24h, of: sessions}]}
  - {id: P2, text: "Nobody reads another's bookings", how: [probe, fault], probes: ["tenants.*"]}
```

Figures that a probe compares with are those of the target (`says`): times to live, replicas, regions. Without one the probe is unknown.

## Inside a plan

Some promises are about what happens under load and during a fault: that tenants stay apart, that a session is good in every region. A plan lists
rounds of probes, each of which is asked once, when it is due:

```yaml
rounds:
  - {id: private-in-calm, phase: calm, at: 20s, probes: ["tenants.*", sessions.good-everywhere]}
  - {id: private-in-the-fault, phase: broken, at: 10s, probes: ["tenants.*"]}
```

Each probe becomes a verdict of the run, `probe/ROUND/NAME`: *fail* if it is broken, *inconclusive* if it is unknown (during a fault an answer may not
come). Only probes that *read* or *book* can be asked there, on an environment that Closeshave starts. Their requests and their bookings are told from
the customers', and no other verdict counts them. In the ledger such a probe counts as tried under load, and in a fault phase under a fault too.

## The directory of a round

A round lies below `reports/probes/`: copies of the target and of the environment file, `environment.json` (build and machine), `observations.jsonl`
(everything that was seen, one line each), `probes.json` (the facts by which it is judged, and a digest of each file), and `result.json` and
`result.md`, which are made from these ([fields](reference/probes.md)). [`closeshave readiness`](readiness.md) reads rounds as evidence. It judges the
observations again and never believes `result.json`; a round that was interrupted, or a file that is not as the round left it, counts for nothing, and
the ledger says so.

## All probes

COUNTS
"""


def page() -> str:
    """The page. Pure."""
    outcomes, reaches = meanings(ProbeOutcome), meanings(ProbeReach)
    counts = (
        f"{counted(len(PROBES), 'probe')} in {counted(len(FAMILIES), 'family', 'families')}; {len(SMOKE)} are the smoke suite. "
        f"The corpus of hostile input has {counted(len(cases()), 'case')}."
    )
    filled = {
        "OUTCOMES": _list((outcome.value, outcomes[outcome.name]) for outcome in ProbeOutcome),
        "REACHES": _list((reach.value, reaches[reach.name]) for reach in ProbeReach),
        "COUNTS": counts,
    }
    start = INTRODUCTION
    for name, text in filled.items():
        start = start.replace(name, text)
    return "\n".join([start, *(line for family in FAMILIES.values() for line in _family(family))]).rstrip("\n") + "\n"


def _list(several: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"* *{name}*: {meaning}" for name, meaning in several)


def _family(family: ProbeFamily) -> Iterator[str]:
    yield f"### {family.name}"
    yield ""
    yield family.about
    yield ""
    yield "| probe | asks | promises | does | where |"
    yield "|---|---|---|---|---|"
    yield from map(_row, family.probes)
    yield ""


def _row(probe: PromiseProbe) -> str:
    where = "environments of ours" if probe.inside or probe.reach is ProbeReach.STARTS else "everywhere"
    suite = "" if probe.smoke else "; not in the smoke suite"
    return f"| `{probe.name}` | {probe.asks.replace('|', chr(92) + '|')} | {', '.join(probe.claims) or '—'} | {probe.reach.value} | {where}{suite} |"


def main() -> None:
    """Write it to the path that the command line names."""
    write_atomically(Path(sys.argv[1]), page())


if __name__ == "__main__":
    main()
