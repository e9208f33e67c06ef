"""Rate limits refuse where they are stated to, no sooner and no later, and one customer's limit is no other's."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from closeshave.probes import people
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import Unclear, figure, settled, status, unknown
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import CannotAsk, ProbeCustomer, ProbeScene
from closeshave.probes.values import Observation, ProbeFinding, ProbeReach

OPERATION = "slots"
"""The cheapest request that has a limit."""
MOST = 2_000
"""No more requests are sent, whatever the limit is."""
NEEDS = (OPERATION, "forwarded_for")
AFTER = 3
"""Refusals in a row that an offender's waiting times are read from."""


def _look(scene: ProbeScene, who: ProbeCustomer) -> tuple[int, int, float | None]:
    """Look for free times: status, whether a limit refused it (1), and how long to wait, in seconds."""
    zone = scene.basis.capabilities.zone or scene.api.profile.zone or "UTC"
    shard = scene.basis.topology.shards[0]
    day = (datetime.now(UTC) + timedelta(days=3)).date()
    answer = scene.call(OPERATION, who, people.franchise(shard, 40), day=day, barber=None, zone=zone, service=scene.api.usual)
    if answer.trouble:
        raise CannotAsk(f"a request was not answered: {answer.trouble}")
    waits = answer.headers.get("retry-after", "")
    refused = scene.api.is_throttled(answer.status, answer.json) or answer.status == 429
    return answer.status, int(refused), float(waits) if waits.isdecimal() else None


def _flood(scene: ProbeScene) -> tuple[ProbeCustomer, dict[str, Any]]:
    """Send requests from one address until one is refused, or until twice the limit is well past."""
    limit, window_s = _stated(scene.basis)
    who = scene.nobody(scene.basis.topology.shards[0].home)
    began_s = time.monotonic()
    sent, accepted, refused, waits, code = 0, 0, 0, None, 0
    # Windows may be fixed: one that turns meanwhile lets twice as many pass.
    for _ in range(min(MOST, 2 * limit + 1)):
        code, refused, waits = _look(scene, who)
        if refused:
            break
        sent += 1
        accepted += 200 <= code < 300
    took_s = time.monotonic() - began_s
    return who, {
        "limit": limit, "window_s": window_s, "sent": sent, "accepted": accepted, "refused": bool(refused), "status": code, "retry_after_s": waits,
        "took_s": took_s,
    }  # fmt: skip


def _stated(basis: ProbeBasis) -> tuple[int, float]:
    found = basis.limits.get(OPERATION)
    if found is None:
        raise CannotAsk(f"no limit is stated for {OPERATION}")
    if 2 * found[0] + 1 > MOST:
        raise CannotAsk(f"the stated limit of {found[0]:,} requests would need more than {MOST:,}")
    return found


def _ask_stated(scene: ProbeScene) -> None:
    _, saw = _flood(scene)
    scene.see("one address", f"{OPERATION} again and again from one address, until it is refused", saw)


def _judge_stated(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    if (stated := basis.limits.get(OPERATION)) is None:
        return unknown(f"no limit is stated for {OPERATION}", seen)
    limit, window_s = stated

    def wrong(one: Observation) -> str:
        accepted, took_s = figure(one, "accepted"), figure(one, "took_s")
        if accepted is None or took_s is None:
            return Unclear("the counts are no numbers")
        if took_s >= window_s:
            return Unclear(f"the requests took {took_s:.0f} s, longer than the window of {window_s:g} s")
        return (
            _refused(one, limit, accepted) if one.saw.get("refused") is True else _never_refused(one, (limit, window_s), accepted, took_s)
        )

    return settled(seen, ["one address"], wrong, f"{OPERATION} is refused at its limit of {limit} per {window_s:g} s, with Retry-After")


def _never_refused(one: Observation, stated: tuple[int, float], accepted: float, took_s: float) -> str:
    limit, window_s = stated
    if accepted <= 2 * limit:
        # What failed for another reason was neither accepted nor refused by the limit.
        return Unclear(f"{accepted:.0f} requests were accepted and none was refused by a limit; others failed: status {status(one)}")
    return f"{accepted:.0f} requests in {took_s:.1f} s were accepted; {limit} per {window_s:g} s are stated"


def _refused(one: Observation, limit: int, accepted: float) -> str:
    failed = max(0.0, (figure(one, "sent") or 0.0) - accepted)
    if accepted < limit and failed:
        return Unclear(f"refused after {accepted:.0f} requests that were accepted and {failed:.0f} that failed; {limit} are stated")
    if accepted < limit:
        return f"refused after {accepted:.0f} requests; {limit} are stated"
    if figure(one, "retry_after_s") is None:
        return "the refusal does not say when to come again (Retry-After)"
    return "" if accepted <= 2 * limit else f"refused only after {accepted:.0f} requests; {limit} are stated"


def _ask_others(scene: ProbeScene) -> None:
    who, saw = _flood(scene)
    code, refused, _ = _look(scene, scene.nobody(who.region))
    scene.see(
        "another address",
        f"{OPERATION} from another address, while the first one is refused",
        {**saw, "other_status": code, "other_refused": bool(refused)},
    )


def _judge_others(seen: Sequence[Observation], _basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        if one.saw.get("refused") is not True:
            return Unclear("the first address was not refused")
        if one.saw.get("other_refused") is True:
            return "another address was refused too"
        return "" if one.saw.get("other_status") == 200 else Unclear(f"the other address was answered {one.saw.get('other_status')}")

    return settled(seen, ["another address"], wrong, "one address's limit is no other's")


def _ask_progressive(scene: ProbeScene) -> None:
    who, saw = _flood(scene)
    waits: list[float | None] = [saw["retry_after_s"]]
    for _ in range(AFTER):
        _, refused, wait_s = _look(scene, replace(who))
        if not refused:
            break
        waits.append(wait_s)
    scene.see("an offender who goes on", "Retry-After of refusals in a row, from one address", {**saw, "waits_s": waits})


def _judge_progressive(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    window_s = basis.limits.get(OPERATION, (0, 0.0))[1]

    def wrong(one: Observation) -> str:
        waits = one.saw.get("waits_s")
        if one.saw.get("refused") is not True or not isinstance(waits, list) or len(waits) <= AFTER:
            return Unclear("the address was not refused often enough")
        if not all(isinstance(wait, int | float) for wait in waits):
            return "refusals do not say when to come again (Retry-After)"
        # Without delays that grow, the wait only shrinks with the rest of the window.
        grows = waits[-1] > waits[0] or waits[-1] > window_s
        return "" if grows else f"refusals in a row wait no longer: {', '.join(f'{wait:g} s' for wait in waits)}"

    return settled(seen, ["an offender who goes on"], wrong, "whoever goes on waits longer each time")


FAMILY = ProbeFamily(
    "limits",
    "Rate limits refuse where they are stated to. Requests come from addresses of the probe's own.",
    (
        PromiseProbe(
            "limits.as-stated",
            ("P07", "E28"),
            "One address looks for free times until it is refused: not before the stated limit, not long after it, and with Retry-After.",
            _ask_stated,
            _judge_stated,
            reach=ProbeReach.STRAINS,
            needs=NEEDS,
        ),
        PromiseProbe(
            "limits.others-unaffected",
            ("P07",),
            "While one address is refused, another one is answered.",
            _ask_others,
            _judge_others,
            reach=ProbeReach.STRAINS,
            needs=NEEDS,
        ),
        PromiseProbe(
            "limits.progressive",
            ("P07",),
            "An address that goes on after its refusal is told to wait longer each time.",
            _ask_progressive,
            _judge_progressive,
            reach=ProbeReach.STRAINS,
            smoke=False,
            needs=NEEDS,
        ),
    ),
)
