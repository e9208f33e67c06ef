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

A drill has these verdicts:

* `drill/ID`: *fail* if a step could not be done, or a proof of the end state does not hold. *Inconclusive* if something that the drill does not test
  kept it from being carried out (a backup server that does not run, a full disk, a run that ended early), or if a step was not done within the
  drill's limit while other programs used the machine.
* `drill-rows/ID`, of a restore: the restored rows against what customers were told. Nothing that was acknowledged before the target may be missing, and
  nothing that was requested after it may be there. Requests that were under way at the target decide nothing. The uncertainty of the clocks is stated.
* `drill-duration/ID`, `drill-failed-requests/ID`, `drill-loss/ID`: what it took and cost, if the plan gives a bound (`expected`). What it cost is
  unknown, and the verdict inconclusive, if more requests than the bound allows are not good in calm, without the drill.
* `healed/ID`: whether it is proven that everything was put back.

`closeshave validate` refuses a drill that its environment cannot do. `make drills` carries out every kind and shows what it took."""


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
