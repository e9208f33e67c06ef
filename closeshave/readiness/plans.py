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
        (own if mine else others).append(TestingPlan(f"closeshave run {name}{options}", claims))
    return tuple(one for one in (*own, *others) if one.claims)
