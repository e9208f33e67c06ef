"""Health and readiness tell the truth, and are asked for often enough."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any

from closeshave.api.spoken import ApiRequest
from closeshave.control.processes import poll_until
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import Unclear, busy, figure, settled, status
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import CannotAsk, ProbeAnswer, ProbeScene
from closeshave.probes.spare import spare
from closeshave.probes.values import Observation, ProbeFinding, ProbeReach

INTERVAL_S_MAX = 300.0
"""P15: a check at least every five minutes."""
WATCHED_S = 5.0
"""How long the counters of an instance are watched. Checks that are rarer than this leave the probe unknown."""
STAYS_S = 3.0
"""How long an instance without its databases is watched: once not ready, it stays so."""
COUNTED = re.compile(r"^(?P<name>\w*requests\w*_total)\{(?P<labels>[^}]*)\} (?P<value>[0-9.e+]+)$", re.MULTILINE)
"""A counter of requests in Prometheus' text format."""
LIVENESS = "health/live"
METRICS = "metrics"
WHOLE, LOST = "with its databases", "without its databases"


def _path(scene: ProbeScene, name: str) -> str:
    path = scene.api.profile.examined.health.get(name)
    if path is None:
        raise CannotAsk(f"the API profile names no {name} (examined.health)")
    return path


def _ask_live(scene: ProbeScene) -> None:
    for region in scene.regions:
        request = scene.reading(_path(scene, LIVENESS), scene.nobody(region))
        scene.saw(region, f"GET {request.path}", scene.send(region, request))


def _judge_live(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        return "" if status(one) == 200 else busy(one) if status(one) == 429 else f"answers {status(one)}"

    return settled(seen, basis.edges, wrong, "every region answers that it is alive", silence_breaks=True)


def _ready(scene: ProbeScene, answer: ProbeAnswer) -> bool:
    return scene.deployment.application.readiness.met(answer.status, answer.text)


def _ask_readiness(scene: ProbeScene) -> None:
    readiness = scene.deployment.application.readiness
    request = ApiRequest("GET", readiness.path, {})
    for subject, name, lost in ((WHOLE, "probe-app-whole", False), (LOST, "probe-app-lost", True)):
        with spare(scene.deployment, name, lost=lost) as url:

            def look(url: str = url) -> ProbeAnswer:
                return scene.send_to(url, request)

            # The one that has everything shows how long the other may need.
            poll_until(lambda look=look, lost=lost: bool(look().status) if lost else _ready(scene, look()), readiness.within, 0.1)  # type: ignore[misc]
            looks = [look()]
            until = time.monotonic() + (STAYS_S if lost else 0.0)
            while time.monotonic() < until:
                time.sleep(0.2)
                looks.append(look())
            told = [{"status": one.status, "ready": _ready(scene, one)} for one in looks]
            answer = looks[-1]
            saw: dict[str, Any] = {"looks": len(told), "ready": sum(bool(one["ready"]) for one in told), "body": answer.text[:200]}
            scene.saw(subject, f"GET {readiness.path} of one more instance, {subject}", answer, **saw)


def _judge_readiness(seen: Sequence[Observation], _basis: ProbeBasis) -> ProbeFinding:
    whole = next((one for one in seen if one.subject == WHOLE), None)

    def wrong(one: Observation) -> str:
        ready, looks = figure(one, "ready"), figure(one, "looks")
        if ready is None or not looks or status(one) == 0:
            return Unclear("the instance did not answer")
        if one.subject == WHOLE:
            return "" if ready == looks else Unclear(f"an instance that has everything did not get ready: it answers {status(one)}")
        if whole is None or figure(whole, "ready") != figure(whole, "looks"):
            return Unclear("the instance that has everything was not ready either")
        return f"says that it is ready, in {ready:.0f} of {looks:.0f} looks" if ready else ""

    return settled(seen, (WHOLE, LOST), wrong, "an instance without its databases says that it is not ready, and one with them that it is")


def _checks(scene: ProbeScene, url: str) -> float:
    """How often the readiness route was asked for, by the instance's own counters. Raises :class:`CannotAsk`."""
    answer = scene.send_to(url, ApiRequest("GET", _path(scene, METRICS), {}))
    path = scene.deployment.application.readiness.path
    found = [float(match["value"]) for match in COUNTED.finditer(answer.text) if f'"{path}"' in match["labels"]]
    if not answer.good or not COUNTED.search(answer.text):
        raise CannotAsk(f"the instance counts no requests by route: {answer.trouble or f'its metrics answer {answer.status}'}")
    return sum(found)


def _ask_interval(scene: ProbeScene) -> None:
    instances = list(scene.instances())
    began = time.monotonic()
    before = {name: _checks(scene, url) for name, _, url in instances}
    # Nobody of the harness asks for readiness meanwhile.
    time.sleep(max(0.0, WATCHED_S - (time.monotonic() - began)))
    for name, _, url in instances:
        checks, watched_s = _checks(scene, url) - before[name], time.monotonic() - began
        scene.see(
            name,
            f"its own counter of {scene.deployment.application.readiness.path}, twice",
            {"checks": checks, "watched_s": round(watched_s, 3)},
        )


def _judge_interval(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        checks, watched_s = figure(one, "checks"), figure(one, "watched_s")
        if checks is None or watched_s is None or watched_s <= 0:
            return Unclear("the counts are no numbers")
        if checks >= 1:
            return "" if watched_s / checks <= INTERVAL_S_MAX else f"checked every {watched_s / checks:.0f} s"
        return (
            f"not checked within {watched_s:.0f} s"
            if watched_s > INTERVAL_S_MAX
            else Unclear(f"not checked within {watched_s:.0f} s of watching")
        )

    rates = [watched / checks for one in seen if (checks := figure(one, "checks")) and (watched := figure(one, "watched_s"))]
    holds = f"every instance is checked, the rarest every {max(rates):.1f} s" if rates else ""
    return settled(seen, basis.instances, wrong, holds)


FAMILY = ProbeFamily(
    "health",
    "Health and readiness tell the truth, and are asked for often enough.",
    (
        PromiseProbe("health.alive", ("B17", "B18"), "Every region answers that it is alive.", _ask_live, _judge_live),
        PromiseProbe(
            "health.lost-dependency-told",
            (),
            "Two more instances are started, one of them with databases that cannot be reached: that one says for some seconds that it is not ready; the "
            "other one gets ready.",
            _ask_readiness,
            _judge_readiness,
            reach=ProbeReach.STARTS,
            inside=True,
        ),
        PromiseProbe(
            "health.checked-often",
            ("P15", "B17", "B18"),
            f"The counters of every instance are read twice, {WATCHED_S:g} s apart: its readiness was asked for at least once, so that it is checked at "
            "least every five minutes.",
            _ask_interval,
            _judge_interval,
            inside=True,
        ),
    ),
)
