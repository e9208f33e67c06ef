"""``python -m closeshave.faults.experimentpart PART FILE``: runs one part of a user's own Chaos Toolkit experiment and prints one line about it.

``check`` instead of a part prints the problems of the file as JSON. Nothing that a probe or an action returned is printed: it may hold secrets.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaoslib.activity import ensure_activity_is_valid  # type: ignore[import-untyped] # it ships no types
from chaoslib.experiment import ensure_experiment_is_valid, run_experiment  # type: ignore[import-untyped] # it ships no types
from chaoslib.loader import load_experiment  # type: ignore[import-untyped] # it ships no types
from chaoslib.types import Strategy  # type: ignore[import-untyped] # it ships no types

if TYPE_CHECKING:  # each part has a process of its own, which would wait longest for this
    from closeshave.deployment import ExperimentPart

Location = tuple[str | int, ...]


def run(part: ExperimentPart, path: Path) -> tuple[bool, str]:
    """Whether this part of the experiment went well, and a sentence about it."""
    experiment = _part(load_experiment(str(path)), part)
    steady = part in {"steady-state", "deviation"}
    strategy = Strategy.BEFORE_METHOD if steady else Strategy.SKIP
    journal = run_experiment(experiment, {"runtime": experiment["runtime"]}, None, strategy)
    if steady:
        state = (journal.get("steady_states") or {}).get("before") or {}
        met = state.get("steady_state_met") is True
        wrong = "" if met else f", probe {_last(state.get('probes'))}"
        return met is (part == "steady-state"), f"steady state {'met' if met else 'not met'}{wrong}"
    runs = journal["run" if part == "method" else "rollbacks"]
    # A probe of the method may well fail: the platform is broken by then.
    failed = [
        _name(each) for each in runs if each["status"] != "succeeded" and (part == "rollbacks" or each["activity"]["type"] == "action")
    ]
    if journal["status"] in {"aborted", "interrupted"} and not failed:
        failed = [_last(runs)]
    return not failed, f"{', '.join(failed)} failed" if failed else "all actions succeeded"


def _part(whole: dict[str, Any], part: ExperimentPart) -> dict[str, Any]:
    """The same experiment with nothing but this part, whatever the file says about when each part is run."""
    named = {each["name"]: each for each in (*whole.get("method", ()), *_probes(whole)) if "name" in each}

    def activities(section: str) -> list[Any]:
        return [named.get(each["ref"], each) if "ref" in each else each for each in whole.get(section) or ()]

    told = {
        **whole,
        "method": activities("method") if part == "method" else [],
        "rollbacks": activities("rollbacks") if part == "rollbacks" else [],
        "runtime": {"rollbacks": {"strategy": "always"}},
    }
    if part in {"method", "rollbacks"}:
        told.pop("steady-state-hypothesis", None)
    return told


def _probes(whole: dict[str, Any]) -> list[Any]:
    return list((whole.get("steady-state-hypothesis") or {}).get("probes") or ())


def _name(run: dict[str, Any]) -> str:
    return str(run["activity"]["name"])


def _last(runs: list[dict[str, Any]] | None) -> str:
    return _name(runs[-1]) if runs else "none ran"


def check(path: Path) -> list[tuple[Location, str]]:
    """Every problem that Chaos Toolkit finds in a file, with its place."""
    read: list[Any] = []
    if why := _refused(lambda file: read.append(load_experiment(file)), str(path)):
        return [((), why)]
    experiment = read[0]
    sections: dict[Location, Any] = {("method",): experiment.get("method"), ("rollbacks",): experiment.get("rollbacks")}
    sections["steady-state-hypothesis", "probes"] = _probes(experiment)
    found: list[tuple[Location, str]] = []
    for section, activities in sections.items():
        for index, activity in enumerate(activities or ()):
            if why := _refused(ensure_activity_is_valid, activity):
                found.append(((*section, index), why))
    if not found and (why := _refused(ensure_experiment_is_valid, experiment)):
        found.append(((), why))
    return found


def _refused(ensure: Any, what: Any) -> str:
    try:
        ensure(what)
    except Exception as error:  # noqa: BLE001 - Chaos Toolkit raises whatever a wrong value leads to, and a user's module too
        return " ".join(str(error).split()) or type(error).__name__
    return ""


def main(what: str, path: Path) -> int:
    """Carry out the command line; returns the exit code."""
    # What the experiment's own code prints must not be read as an answer.
    answers = os.dup(1)
    os.dup2(2, 1)
    if what == "check":
        told, well = json.dumps(check(path)), True
    else:
        try:
            well, told = run(what, path)  # type: ignore[arg-type]  # the command line has one of the parts
        except Exception as error:  # noqa: BLE001 - Chaos Toolkit raises whatever a tolerance leads to that does not fit what its probe returned
            # Not the error's own text: it may repeat what a probe returned.
            well, told = False, f"broke off with {type(error).__name__}"
    os.write(answers, told.encode())
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
