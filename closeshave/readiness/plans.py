"""The plans at hand that test promises of a target, and the command that asks its probes."""

from __future__ import annotations

from closeshave.files.shipped import available, locate
from closeshave.files.yamlfile import InvalidFile
from closeshave.judge.asked import asked
from closeshave.plan import read_plan
from closeshave.readiness.advice import TestingPlan
from closeshave.target import Target

FOLDER = "scenarios"


def testing(target: Target, called: str, environment: str | None) -> tuple[TestingPlan, ...]:
    """Those made for the target first, then others that can test it. ``called`` is how the user names the target.

    A plan that cannot be read tests nothing here; ``closeshave validate`` says what is wrong with it.
    """
    probed = frozenset(one.id for one in target.claims if one.probes)
    own = [TestingPlan(f"closeshave probe --target {called}" + (f" --environment {environment}" if environment else ""), probed)]
    held: list[TestingPlan] = []
    others: list[TestingPlan] = []
    for name in available(FOLDER):
        try:
            plan = read_plan(locate(FOLDER, name))
        except (InvalidFile, OSError):
            continue
        silent = {one.id for one in asked(plan, target).not_run}
        claims = frozenset(one.id for one in target.claims) - silent
        mine = plan.target == target.name
        options = ("" if mine else f" --target {called}") + (f" --environment {environment}" if environment else "")
        told = TestingPlan(f"closeshave {'gameday' if plan.inject else 'run'} {name}{options}", claims)
        # People have to come together for a game day: last among the target's own, and never another target's.
        if mine:
            (held if plan.inject else own).append(told)
        elif not plan.inject:
            others.append(told)
    return tuple(one for one in (*own, *held, *others) if one.claims)
