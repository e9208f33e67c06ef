"""The payment provider delivers each of its webhooks several times."""

from __future__ import annotations

from closeshave.clients import ports
from closeshave.deployment import Deployment
from closeshave.faults.dependency import provider
from closeshave.faults.kind import Aim, Kind, NotSeen, Parameter, Proof
from closeshave.faults.waiting import after, until
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected
from closeshave.plurals import counted

COPIES = Parameter("copies", int, default=3, about="How often each event is delivered.", at_least=2, at_most=20)
ARRIVES_WITHIN_S = 3.0
NO_MORE_WITHIN_S = 0.5
"""All copies are sent at the same moment."""
COUNTER = 'webhooks_total{type="ping"}'


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Set it through its control interface, and read it back."""
    return provider.inject(aim, strike_ns, webhook_copies=int(aim.parameters["copies"]))


def look(aim: Aim, _injection: Injection) -> Sighting | NotSeen:
    """Make it send one test event, and ask the applications how often that arrived."""
    arrived = _arrived(aim.deployment, at_least=2)
    if arrived <= 1:
        return NotSeen(f"one event of the payment provider arrived {counted(arrived, 'time')}")
    return Sighting("events of type ping, counted by the applications", f"one event arrived {arrived} times")


def prove(aim: Aim) -> tuple[Proof, ...]:
    """As for every fault of the provider, and one event arrives once."""
    arrived = _arrived(aim.deployment, at_least=1)
    return (*provider.prove(aim), Proof("one event of the payment provider arrives once", arrived == 1, counted(arrived, "time")))


def _arrived(deployment: Deployment, at_least: int) -> int:
    """How often a test event arrives: wait for so many, and then a moment for more."""
    before = _heard(deployment)
    try:
        ports.CLIENT.post(f"{deployment.payments.url}/ping").raise_for_status()
    except ports.Failed:
        return 0
    until(lambda: _heard(deployment) - before >= at_least, after(ARRIVES_WITHIN_S))
    until(lambda: _heard(deployment) - before > at_least, after(NO_MORE_WITHIN_S))
    return _heard(deployment) - before


def _heard(deployment: Deployment) -> int:
    """Test events that the applications have counted since they started."""
    total = 0
    for app in (process for process in deployment.processes if process.role == "app"):
        answer = ports.get(ports.url(app.ports[0], "/metrics"))
        lines = answer.text.splitlines() if answer is not None else []
        total += sum(int(float(line.rsplit(" ", 1)[1])) for line in lines if line.startswith(COUNTER))
    return total


KIND = Kind(
    name="dependency.webhooks-duplicated",
    does="Makes the payment provider deliver each of its webhooks several times.",
    observed_by="One test event of the provider is counted several times by the applications.",
    undone_by="Makes the provider work normally again; proven by its settings, one test event that arrives once, and ready applications.",
    scope=(),
    uses=("payments", "webhooks"),
    parameters=(COPIES,),
    expected=Expected.TOLERATES,
    unfit=provider.unfit,
    inject=inject,
    look=look,
    undo=provider.undo,
    prove=prove,
    observed_within_s=10.0,
    effect_within_s=None,
)
