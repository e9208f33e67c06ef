"""The load of a region rises until its autoscaler starts instances, and falls until it ends them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from closeshave.clients import balancer, ports
from closeshave.clients.pressure import Pressure
from closeshave.drills.kind import DrillDisturbed, DrillFailed, DrillKind, DrillStep, DrillWork, Facts
from closeshave.drills.scale import autoscaled
from closeshave.drills.scale.autoscaled import MEGABYTE, limits_of, region_of, rules_of
from closeshave.environments.scaling import changing
from closeshave.environments.scaling.autoscaler import ScaledLine
from closeshave.environments.scaling.measuring import LoadMeter, balancer_of
from closeshave.environments.scaling.rules import LoadSample, ScalingRules
from closeshave.faults import proofs
from closeshave.faults.kind import Parameter, Proof
from closeshave.history import TIMED

BEGIN, COLD, OUT, IN = "begin with the least", "start from nothing", "scale out", "scale in"
LOOK_EVERY_S = 0.2
GRACE = 1.5
"""An autoscaler that has not acted after so many times the time that its rules give it does not act."""
LATE_S = 6.0
"""Its last sample, and the time that a change takes to be seen."""
QUEUED = 1.3
"""The pressure is raised to so many times the length of a queue that is too long, if less does not bring about any trigger."""
ASKS = 6
"""Requests through the region's edge for the proof."""
TIME_SCALE = Parameter(
    "time_scale",
    float,
    default=0.02,
    about="The factor on every time of B11's rules: with 0.02, its 5 minutes are 6 s. The proofs say it. Thresholds are as stated.",
    at_least=0.005,
    at_most=1,
)
PARAMETERS = (
    Parameter(
        "least", int, default=1, about="The fewest instances of the region. With 0 the drill begins with none: a cold start.", at_most=1000
    ),
    Parameter("most", int, default=2, about="The most instances of the region; no more than the environment declares.", at_least=1, at_most=1000),
    TIME_SCALE,
    Parameter("pressure", int, default=24, about="Requests in work at once by which the drill raises the load; more if that is too little.",
              at_least=1, at_most=500),
    Parameter("memory", int, default=512, about="What an instance is given, in megabytes: its memory is a share of that.", at_least=16, at_most=65536),
    Parameter("served_within", float, default=300.0, about="The longest time from a trigger to served capacity, in seconds: B10, unscaled.", at_least=1),
)  # fmt: skip


@dataclass(slots=True)
class _Watch:
    """What the drill itself sees while it waits: it does not believe the autoscaler."""

    work: DrillWork
    meter: LoadMeter
    last: LoadSample | None = None
    held_since_s: float | None = None
    """Since when each sample met the condition."""

    def held_s(self, condition: Callable[[LoadSample], bool]) -> float:
        """For how long every own sample has met the condition, in seconds. Samples are as long as the autoscaler's."""
        sample = self.last
        if sample is None or time.monotonic() - sample.at_s >= rules_of(self.work.aim.parameters).sample_s:
            self.last = sample = self.meter.sample()
        if not condition(sample):
            self.held_since_s = None
            return 0.0
        if self.held_since_s is None:
            self.held_since_s = sample.at_s
        return sample.at_s - self.held_since_s

    def told(self) -> str:
        """The last sample, for a message."""
        if self.last is None:
            return "nothing was measured"
        response = "no response" if self.last.response_s is None else f"response {self.last.response_s * 1000:.0f} ms"
        return f"CPU {self.last.cpu:.0%}, memory {self.last.memory:.0%}, {response}, {self.last.queue} requests in work"


def begin(work: DrillWork) -> Facts:
    """End instances until the least are left, then start the autoscaler: it decides from here on, except where it starts from nothing."""
    least = limits_of(work.aim.parameters).least
    cut = autoscaled.end_all_but(work, least)
    if least:
        autoscaled.run_autoscaler(work)
    return {"instances": least, "requests_cut": cut, "time_scale": float(work.aim.parameters["time_scale"])}


def cold_start(work: DrillWork) -> Facts:
    """With the least at 0: start the autoscaler, whose first look finds customers and no instance; timed until the region answers its own customers."""
    if limits_of(work.aim.parameters).least:
        return {"cold_start_s": None}
    deployment, region = work.aim.deployment, region_of(work.aim)
    autoscaled.run_autoscaler(work)
    rules = rules_of(work.aim.parameters)
    began_s = time.monotonic()
    with _meter(work) as meter:
        watch = _Watch(work, meter)

        def missing() -> str:
            held_s = watch.held_s(lambda sample: sample.instances == 0 and sample.asked_per_s > 0)
            made = autoscaled.changes(work)
            if not made and held_s > rules.sample_s * GRACE + LATE_S:
                raise DrillFailed(f"the autoscaler started nothing: customers have asked for {held_s:.1f} s, and no instance runs")
            if not made and time.monotonic() - began_s > rules.sample_s * GRACE + LATE_S * GRACE and held_s == 0.0:
                raise DrillDisturbed(f"no customer of {region} asked, so nothing was a reason to start an instance")
            _refuse_failed(made)
            return changing.reached(deployment, region) or ("" if meter.answered else "it has answered nobody yet")

        work.until(missing, f"{region} did not serve again", LOOK_EVERY_S)
        made = autoscaled.changes(work)
    return {"cold_start_s": round(time.monotonic() - made[0].decided_s, 3), "trigger": made[0].why, TIMED: True}


def scale_out(work: DrillWork) -> Facts:
    """Raise the load until as many instances as may be serve; then hold it for as long as a trigger takes: no further one may be started."""
    deployment, region, parameters = work.aim.deployment, region_of(work.aim), work.aim.parameters
    rules, limits = rules_of(parameters), limits_of(parameters)
    at, path = balancer_of(deployment, region), deployment.application.probe
    before, began_s, first_served_s = len(autoscaled.changes(work)), time.monotonic(), 0.0
    running = len(_running(work))
    served_s: list[float] = []
    most_at_once = int(parameters["pressure"])
    with _meter(work, path) as meter, Pressure(at.port, path, _asking(work)) as pressure:
        pressure.keep(int(parameters["pressure"]))
        watch = _Watch(work, meter)

        def missing() -> str:
            nonlocal first_served_s, most_at_once
            held_s = watch.held_s(lambda sample: _is_loaded(sample, rules))
            made = autoscaled.changes(work)[before:]
            _refuse_failed(made)
            waited_s = time.monotonic() - (made[-1].done_s if made else began_s)
            if held_s > rules.out_cpu_s * GRACE + LATE_S + rules.cooldown_s and len(made) <= len(served_s):
                raise DrillFailed(
                    f"the autoscaler started nothing: for {held_s:.1f} s {watch.told()}, and {len(_running(work))} instances run"
                )
            if waited_s > rules.out_cpu_s * GRACE + LATE_S and len(made) <= len(served_s):
                most_at_once = int(rules.out_queue * QUEUED)
                pressure.keep(most_at_once)
            if len(_running(work)) > running + len(made):
                # It is starting one. The longer the pressure lasted, the more it would hurt customers, and prove no more.
                pressure.keep(int(parameters["pressure"]))
            for one in made[len(served_s) :]:
                if meter.answered.get(one.instance):
                    served_s.append(time.monotonic() - one.decided_s)
                    first_served_s = first_served_s or time.monotonic() - began_s
                    watch.held_since_s = None
            serving = autoscaled.serving(deployment, region)
            return "" if len(serving) >= limits.most and len(served_s) == len(made) else f"{len(serving)} serve; {watch.told()}"

        work.until(missing, f"not {limits.most} instances served", LOOK_EVERY_S)
        _hold(work, rules.out_cpu_s * GRACE + rules.cooldown_s, limits.most)
        meter.sample()
    made = autoscaled.changes(work)[before:]
    return {
        TIMED: limits.least > 0,
        "triggers": "; ".join(one.why for one in made),
        "trigger_after_s": round(made[0].decided_s - began_s, 3) if made else None,
        "served_s_longest": round(max(served_s, default=0.0), 3),
        "load_to_served_s": round(first_served_s, 3),
        "pressure": most_at_once,
        "unanswered": meter.unanswered,
    }


def scale_in(work: DrillWork) -> Facts:
    """Let the load fall, and wait until the least instances are left; one is left where customers ask."""
    parameters = work.aim.parameters
    rules, least = rules_of(parameters), max(1, limits_of(parameters).least)
    before, began_s = len(autoscaled.changes(work)), time.monotonic()
    within_s = max(rules.in_load_s, rules.in_response_for_s) * GRACE + LATE_S + rules.cooldown_s
    with _meter(work) as meter:
        watch, known = _Watch(work, meter), before

        def missing() -> str:
            nonlocal known
            held_s = watch.held_s(lambda sample: _is_quiet(sample, rules))
            made = autoscaled.changes(work)
            if len(made) > known:
                known, watch.held_since_s = len(made), None
            _refuse_failed(made[before:])
            if held_s > within_s:
                raise DrillFailed(
                    f"the autoscaler ended nothing: for {held_s:.1f} s {watch.told()}, and {len(_running(work))} instances run"
                )
            return "" if len(_running(work)) <= least else f"{len(_running(work))} instances run; {watch.told()}"

        work.until(missing, f"more than {least} instances are left", LOOK_EVERY_S)
        meter.sample()
        made = autoscaled.changes(work)[before:]
        until_s = made[0].decided_s - began_s if made else 0.0
        return {
            "trigger": made[0].why if made else "",
            "trigger_after_s": round(until_s, 3),
            "ended": len(made),
            "requests_cut": sum(one.cut for one in made),
            "unanswered": meter.unanswered,
        }


def _said(answers: Sequence[ports.Answer | None]) -> str:
    """The statuses of answers that were not good."""
    bad = sorted(
        {"no answer" if answer is None else str(answer.status_code) for answer in answers if answer is None or not answer.is_success}
    )
    return f" ({', '.join(bad)})" if bad else ""


def _asking(work: DrillWork) -> dict[str, str]:
    """The headers of a request that is valid: a platform with shops answers only who names one."""
    region = region_of(work.aim)
    return {"X-Franchise-Id": str(next((shard.first for shard in work.aim.deployment.topology.shards if shard.home == region), 1))}


def _meter(work: DrillWork, pressed: str = "") -> LoadMeter:
    try:
        return LoadMeter(work.aim.deployment, region_of(work.aim), float(work.aim.parameters["memory"]) * MEGABYTE, pressed)
    except balancer.Unavailable as error:
        raise DrillDisturbed(str(error)) from error


def _is_loaded(sample: LoadSample, rules: ScalingRules) -> bool:
    """Whether one of the conditions for more instances holds now."""
    slow = sample.response_s is not None and sample.response_s > rules.out_response_s
    return sample.cpu > rules.out_cpu or sample.memory > rules.out_memory or slow or sample.queue > rules.out_queue


def _is_quiet(sample: LoadSample, rules: ScalingRules) -> bool:
    """Whether all conditions for fewer instances hold now."""
    quick = sample.response_s is None or sample.response_s < rules.in_response_s
    return sample.cpu < rules.in_cpu and sample.memory < rules.in_memory and quick


def _refuse_failed(made: tuple[ScaledLine, ...]) -> None:
    for one in made:
        if one.failed:
            raise DrillFailed(
                f"the autoscaler could not {'start' if one.change > 0 else 'end'} {one.instance or 'an instance'}: {one.failed}"
            )


def _running(work: DrillWork) -> tuple[str, ...]:
    return autoscaled.running(work.aim.deployment, region_of(work.aim))


def _hold(work: DrillWork, for_s: float, most: int) -> None:
    """Keep the load for a while: no more instances than the most may come to run. Raises :class:`DrillFailed`."""
    over_s = time.monotonic() + for_s

    def still() -> str:
        found = _running(work)
        if len(found) > most:
            raise DrillFailed(f"{len(found)} instances run, which are more than the most, {most}: {', '.join(found)}")
        return "the load is held" if time.monotonic() < over_s else ""

    work.until(still, "the load could not be held", LOOK_EVERY_S)


def proven(work: DrillWork) -> tuple[Proof, ...]:
    """By the table of processes, the balancer and customers' own way; the times by what the steps measured."""
    deployment, region, parameters = work.aim.deployment, region_of(work.aim), work.aim.parameters
    least, bound_s, scale = max(1, limits_of(parameters).least), float(parameters["served_within"]), float(parameters["time_scale"])
    found, seen = _running(work), autoscaled.serving(deployment, region)
    asked = (deployment.edge(region), deployment.application.probe, _asking(work))
    answers = [proofs.ask(deployment, *asked) for _ in range(ASKS)]
    good = sum(answer is not None and answer.is_success for answer in answers)
    out, into, begun, cold = (work.facts.get(name, {}) for name in (OUT, IN, BEGIN, COLD))
    cold_s = float(str(cold["cold_start_s"])) if cold.get("cold_start_s") is not None else 0.0
    served_s = max(float(str(out["served_s_longest"])), cold_s)
    # What the drill's own pressure cost before there was capacity is told by its step, and judged by what the plan expects.
    cut = sum(int(str(facts.get(name) or 0)) for facts in (begun, into) for name in ("requests_cut", "unanswered"))
    told = f"{served_s:.1f} s{f', of which none ran before {cold_s:.1f} s' if cold_s else ''}; trigger: {out['triggers'] or cold.get('trigger')}"
    return (
        Proof(f"{least} of its instances run", len(found) == least, ", ".join(found) or "none"),
        Proof("what runs gets requests, and nothing else does", set(found) == set(seen), ", ".join(seen) or "none"),
        Proof(
            f"customers of {region} get answers",
            good == ASKS,
            f"{good} of {ASKS} requests through its edge were answered well{_said(answers)}",
        ),
        Proof("no request was lost when instances were ended", cut == 0, f"{cut} were cut off or not answered by the region's instances"),
        Proof(
            f"from a trigger to served capacity in at most {bound_s:g} s (the rules' times multiplied by {scale:g})",
            served_s <= bound_s,
            told,
        ),
    )


KIND = DrillKind(
    name="scale.out-in",
    does="Begins with the least instances of a region, or none; raises the region's load until its autoscaler has started the most, holds it, and lets it "
    "fall until the autoscaler has ended all but the least. The rules are those of promise B11 with times multiplied by `time_scale`; E08's and T06's "
    "limits are those of `least` and `most` at this scale.",
    proven_by="The table of processes, the balancer's view and requests through the region's edge; the balancer's lines show that no request was lost "
    "when instances were ended.",
    put_back_by="Ends the autoscaler and starts every declared instance; proven by processes, readiness, balancer and edges.",
    scope=("region",),
    steps=(DrillStep(BEGIN, begin), DrillStep(COLD, cold_start), DrillStep(OUT, scale_out), DrillStep(IN, scale_in)),
    unfit=autoscaled.unfit,
    prove=proven,
    undo=autoscaled.undo,
    safe=autoscaled.safe,
    parameters=PARAMETERS,
    uses=("instances",),
    put_back_within_s=90.0,
)
