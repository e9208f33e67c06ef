"""The payment provider: how it is set, what it answers, and how it is restored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from closeshave.clients import ports
from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.deployment import Deployment, Link, Process
from closeshave.faults import links, proofs, repair
from closeshave.faults.kind import Aim, Proof, Say
from closeshave.faults.waiting import until, wait_until
from closeshave.history import Injection, TouchedSettings
from closeshave.plurals import counted

OWNER = "dependency.payments"
"""The name that toxics on its links carry."""
NORMAL: Mapping[str, float] = {"error_share": 0.0, "late_s": 0.0, "webhook_copies": 1}
ASKED = 20
"""So many calls in a row must succeed."""


class SettingsMismatch(RuntimeError):
    """The provider acknowledged a change of its behaviour, and reading it back showed something else."""


def process(deployment: Deployment) -> Process:
    """The provider's process."""
    return deployment.process(deployment.payments.process)


def ways(deployment: Deployment) -> tuple[Link, ...]:
    """Every region's link to it."""
    return tuple(link for link in deployment.links if link.kind == "app-payments")


def healthy(deployment: Deployment) -> bool:
    """Whether it answers when asked directly, not through a link."""
    return ports.status(f"{deployment.payments.url}/health") == 200


def unfit(aim: Aim) -> str:
    """Unfit until it answers."""
    return "" if healthy(aim.deployment) else "the payment provider does not answer"


def inject(aim: Aim, strike_ns: int, **told: float) -> Injection:
    """Change its settings at an instant, and read them back. Raises :class:`SettingsMismatch` or :class:`ports.Failed`."""
    wait_until(strike_ns)
    began_ns = now_ns()
    tell(aim.deployment, told)
    name = aim.deployment.payments.process
    return Injection(name, (TouchedSettings(name, f"set to {json.dumps(told)}"),), began_ns, now_ns(), (name,))


def tell(deployment: Deployment, told: Mapping[str, float]) -> None:
    """Set these settings, and all others to normal. Raises :class:`SettingsMismatch` or :class:`ports.Failed`."""
    ports.CLIENT.put(f"{deployment.payments.url}/operations", json=dict(told)).raise_for_status()
    if (said := behaviour(deployment)) != {**NORMAL, **told}:
        raise SettingsMismatch(f"it was set to {dict(told)}, but the provider reports {said}")


def behaviour(deployment: Deployment) -> Mapping[str, float] | None:
    """Its settings as it reports them; ``None`` when it does not answer."""
    answer = ports.get(f"{deployment.payments.url}/operations")
    return answer.json() if answer is not None and answer.status_code == 200 else None


def statuses(deployment: Deployment) -> list[int]:
    """The HTTP statuses of several calls that change nothing; 0 for no answer."""
    body: dict[str, int | str] = {"booking": 0, "franchise": 0, "amount": 1, "key": "probe"}
    return [_post(f"{deployment.payments.url}/intents", body) for _ in range(ASKED)]


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Start it, set it to normal, remove toxics from its links."""
    deployment = aim.deployment
    done = repair.revive(deployment, [deployment.payments.process], deadline_ns, say)

    def behaved() -> bool:
        try:
            tell(deployment, {})
        except ports.Failed:
            return False
        return True

    if behaviour(deployment) != NORMAL and until(behaved, deadline_ns):
        done += ("set the payment provider to work normally",)
    return done + links.clear(deployment, OWNER, deadline_ns, say)


def prove(aim: Aim) -> tuple[Proof, ...]:
    """It runs with normal settings, answers every call, and is reached through every region's link."""
    deployment = aim.deployment
    return proofs.together(
        [
            proofs.running(deployment, [deployment.payments.process]),
            lambda: _behaving(deployment),
            lambda: _reached(deployment),
            links.cleared(deployment, OWNER),
            proofs.applications(deployment),
            proofs.edges(deployment),
        ]
    )


def _behaving(deployment: Deployment) -> Proof:
    said, answered = behaviour(deployment), statuses(deployment)
    holds = said == NORMAL and set(answered) == {200}
    return Proof(
        f"the payment provider works normally and answers {ASKED} calls in a row", holds, f"{said}, {answered.count(200)} answered"
    )


def _reached(deployment: Deployment) -> Proof:
    root = Path(deployment.root)
    # A region that another fault has broken is no part of this proof.
    open_ways = [way for way in ways(deployment) if processes.find(root, deployment.process(f"toxiproxy-{way.region}"))]
    lost = [way.name for way in open_ways if ports.status(ports.url(way.port, "/health")) != 200]
    return Proof(f"the payment provider is reached through {counted(len(open_ways), 'link')}", not lost, ", ".join(lost) or "all of them")


def _post(url: str, body: Mapping[str, int | str]) -> int:
    try:
        return ports.CLIENT.post(url, json=body).status_code
    except ports.Failed:
        return 0
