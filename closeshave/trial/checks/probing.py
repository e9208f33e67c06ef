"""Probes and rounds of probes that there are not, or that would disturb the load."""

from __future__ import annotations

from closeshave.environments import drivers
from closeshave.files.yamlfile import Problem, document, line_of
from closeshave.judge import kinds
from closeshave.probes.catalogue import PROBES as FUNCTIONAL
from closeshave.probes.catalogue import matching
from closeshave.probes.places import MILD
from closeshave.trial.prepared import Prepared
from closeshave.trial.probing import PROBES


def probe_problems(prepared: Prepared) -> list[Problem]:
    """Probes of the plan that no installed package has."""
    raw, path = document(prepared.inputs.plan), prepared.inputs.plan
    return [
        Problem(
            str(path),
            line_of(raw, ("probes", index)),
            f"probes.{index}",
            f"no installed package has a probe {name!r}{kinds.suggestion(name, PROBES)}; available: {', '.join(sorted(PROBES)) or 'none'}",
        )
        for index, name in enumerate(prepared.plan.probes)
        if name not in PROBES
    ]


def round_problems(prepared: Prepared) -> list[Problem]:
    """Rounds of probes that there are not, that would disturb the load, or that nobody could tell from the customers' requests."""
    raw, path = document(prepared.inputs.plan), prepared.inputs.plan

    def problem(index: int, key: str, said: str) -> Problem:
        return Problem(str(path), line_of(raw, ("rounds", index, key)), f"rounds.{index}.{key}", said)

    found = []
    for index, each in enumerate(prepared.plan.rounds):
        if not drivers.of(prepared.definition.kind).ours:
            found.append(
                problem(
                    index, "probes", "rounds of probes need an environment that the harness starts; ask a remote one by closeshave probe"
                )
            )
        for pattern in each.probes:
            probes = [FUNCTIONAL[name] for name in matching([pattern])]
            if not probes:
                found.append(
                    problem(index, "probes", f"no probe is called {pattern!r}{kinds.suggestion(pattern, FUNCTIONAL)}; see docs/probes.md")
                )
            if strong := [probe.name for probe in probes if probe.reach not in MILD]:
                found.append(problem(index, "probes", f"{strong[0]} would disturb the load; ask it by closeshave probe, without load"))
    return found
