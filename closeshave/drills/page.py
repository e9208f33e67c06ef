"""Generates the page of the drills from the kinds: ``python -m closeshave.drills.page docs/drills.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from closeshave.drills.catalogue import FAMILIES, KINDS
from closeshave.drills.kind import USES, DrillKind
from closeshave.faults.page import explained
from closeshave.files import write_atomically

INTRODUCTION = """# Drills

Made by `python -m closeshave.drills.page docs/drills.md` from `closeshave/drills/`.

A fault is what happens to a platform; a drill is what its operators do: a planned switchover, a restore, a deploy. A plan lists drills beside its faults:

```yaml
drills:
  - id: restore-shard-1
    kind: restore.point-in-time
    phase: broken
    at: 20s
    limit: 35s
    scope: {shard: 1}
    parameters: {back: 5}
    expected: {duration: 30s, failed_requests: 1%, loss: 0s}
```

Each drill is carried out under load, in steps that are timed. Its end state is proven in another way than it was brought about. Then everything is put
back, and that is proven too. A drill is in the ledger before its first step, as a fault is: if the harness is killed in the middle, the janitor puts
everything back. Only one drill or fault may work on a part at a time; drills must be in phases of role `fault`.

What cannot be put back stays, and the proof says so: a range that `shard.migrate-range` has moved stays on its new shard, where customers have booked
since, and what `platform.rebuild` and `region.rebuild` built anew replaces what was lost. An environment that a run was attached to (`--attach`) is left
like that. The same range does not move again there.

A drill has these verdicts:

* `drill/ID`: *fail* if a step could not be done, or a proof of the end state does not hold. *Inconclusive* if something that the drill does not test
  kept it from being carried out (a backup server that does not run, a full disk, a run that ended early), or if a step was not done within the
  drill's limit while other programs used the machine.
  A deploy that stopped a bad release by itself (`deploy.canary`, `deploy.blue-green`) ended as *stopped*, with the share of the requests that the release
  got and how many were hurt. That is a *fail*, as the release did not get through, unless the plan says that the release is bad:
  `expected: {stopped: 10%}` passes if it was stopped at 10 % or before and all is proven to be as before, and fails if it was not stopped. Where other
  programs used the machine, neither makes a *fail*.
* `drill-rows/ID`, of a restored database: its rows against what customers were told. Nothing that was acknowledged before the target may be missing,
  and nothing that was requested after it may be there. Requests that were under way at the target decide nothing. The uncertainty of the clocks is stated.
* `drill-duration/ID`, `drill-failed-requests/ID`, `drill-loss/ID`, `drill-refusal/ID`: what it took and cost, if the plan gives a bound (`expected`).
  What it cost is unknown, and the verdict inconclusive, if more requests than the bound allows are not good in calm, without the drill. The longest
  refusal of a write is that of the worst shard in scope, each by itself; of a range that moves, the longer one of the fence and of what a customer of the
  range waited.
  It passes only if somebody would have noticed a longer one: writes were due closer together than the bound, or met the fence, or the first one after
  the fence was accepted within the bound from its begin.
* `drill-lost-sessions/ID`, if the plan says that the drill may cost sessions (`lost_sessions: 100%`): the share of the customers who were refused as not
  logged in, with a session from before the drill was over. They log in again: how many log-ins that were, and how many in the busiest second, is said with
  it, because each hashes a password and no plan states that load. Without the bound, and for a session that was opened later, each refusal breaks
  `integrity/lost_sessions`.
* `healed/ID`: whether it is proven that everything was put back.

How a new release is compared: the balancers tell of every request (instance, status, time, and the release that the answer names). A request is bad if it
is answered with an error (5xx, 4xx but for 409 and 429, or no answer), or if it takes longer than a bound on response times in the target (each bound by
itself; the time is the balancer's, not the customer's). Second by second and endpoint by endpoint the share of bad requests is compared with that of the
release before: in a canary with what was answered at the same time, after a blue-green switch with the seconds before it. The comparison goes on until the
evidence is enough or the time is over, and a release that is no worse is stopped with a chance of at most `false_stop`, however often it is looked at
(an e-process; method and sources are in `closeshave/drills/deploy/comparison.py`). A single second is never enough. In the first 5 s of a process only
errors are compared. Each watched step says from which share of errors on it would have stopped the release in 95 % of cases
(`would_have_stopped_errors_from`, by simulation). The counts of every endpoint are kept in the run, in `drills/ID/`.

## What files and configuration are here

Databases have backups of their own (`restore.point-in-time` and its like), and caches are filled again from them. What is left of a platform is on disks:

* **Files** (`restore.files`): what the application keeps in its own directory, `{scratch}` of an environment file, which all its instances share: pictures
  that were uploaded, receipts, exports. The stand-in keeps none, so the drill writes small ones itself, ten a second, and notes the checksum of each
  once the disk has it. That is an acknowledgement, and what is lost is counted in these.
* **Configuration** (`restore.configuration`): the settings of every part, the application's private key, and the edges' certificates, from which parts
  start. Parts that run do not read them again, so customers should not notice.

While the drill writes, a copy of all of it is made once in an `interval`: a plain archive (tar) with the checksum of each file, kept with mode 0600 beside
the environment's data. Just before the next copy everything is lost. It is moved aside, so that it can be compared with what comes back, and be put back.
The loss window is the time from the oldest acknowledged file that did not come back to the loss: about an interval. A run tries a short interval for a
long one (`stands_for`), and a plan scales its bound on the loss alike; the step *write while copies are made* states both. Not tried: the way to another
place (the copies lie on the same disk), links, and directories without files, which do not come back. What the application deletes between the loss and
the end of the drill is there again afterwards.

## How a region is scaled

`scale.out-in` starts an autoscaler, a process of the environment, which measures its region at each interval (CPU of the
instances as a share of a processor, their memory as a share of what `memory` gives them, mean response time and requests in work at the balancer),
and starts or ends one instance at a time. The thresholds and times are those of BarberPro's promise B11; `time_scale` multiplies the times, and the
proofs of the drill say by how much. What B11 does not state is ours: a sample each minute, no change for a minute after a change, both scaled too.
The decision is a pure function: never below the least or above the most, no flapping under a load that stays the same; it is tried with the limits of
E08 (50 to 1,000) and T06 (3 to 50, 0 to 100) in a simulation, because no machine holds so many instances. On the machine the drill tries the limits
that `least` and `most` give. With other times than the promised ones, and a few instances, it verifies neither B11 nor E08 or T06: leave them out of
its `claims` unless `time_scale` is 1. B10 (five minutes) counts from the trigger here: counted from the load, five minutes above 60 % would use it
up. The drill does not believe the autoscaler: it measures by itself for how long a condition holds, and one that does not act for one and a half
times its time has *failed*. A load that does not rise or fall far enough is *overdue* or *inconclusive*, not the autoscaler's failure.

On a remote platform a drill is the operator's own procedure, by hooks of the environment file, under any name
([how](how-to/carry-out-your-own-drills.md)).

`closeshave validate` refuses a drill that its environment cannot do. `make drills` carries out every kind and shows what it took; `make drills-deploys`
repeats the deploys, and `make drills-seconds` restores shards to random seconds. `make truth` makes something wrong with drills, which must fail then
([results](truth-drills.md))."""


def page(kinds: Mapping[str, DrillKind] = KINDS) -> str:
    """The whole page as Markdown. Pure."""
    return "\n".join(_lines(kinds)) + "\n"


def _lines(kinds: Mapping[str, DrillKind]) -> Iterator[str]:
    yield INTRODUCTION
    for family, module in FAMILIES.items():
        yield ""
        yield f"## {family}: {module.ABOUT}"
        for kind in kinds.values():
            if kind.name.startswith(f"{family}."):
                yield ""
                yield from _section(kind)


def _section(kind: DrillKind) -> Iterator[str]:
    yield f"### {kind.name}"
    yield ""
    yield kind.does
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| scope | {', '.join(f'`{key}`' for key in kind.scope) or 'the whole environment'} |"
    yield f"| steps | {', '.join(step.name for step in kind.steps)} |"
    yield f"| proven | {kind.proven_by} |"
    yield f"| put back | {kind.put_back_by} Within {kind.put_back_within_s:g} s. |"
    yield f"| needs | {'; '.join(USES[need] for need in kind.uses) or 'nothing more'} |"
    yield f"| environments | {', '.join(sorted(kind.environments, reverse=True))} |"
    yield from (f"| `{parameter.name}` | {explained(parameter)} |" for parameter in kind.parameters)


if __name__ == "__main__":
    write_atomically(Path(sys.argv[1]), page())
