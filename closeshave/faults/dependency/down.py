"""The payment provider is gone, or hangs."""

from __future__ import annotations

from closeshave.clients import ports
from closeshave.faults.dependency import provider
from closeshave.faults.freezing import freeze
from closeshave.faults.killing import kill, victims_of
from closeshave.faults.kind import Aim, Kind, NotSeen, Parameter
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected

HANG = Parameter("hang", bool, default=False, about="Stop it by SIGSTOP instead: connections are accepted and never answered.")


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Kill it by SIGKILL, or stop it."""
    process = provider.process(aim.deployment)
    victims = victims_of(aim.deployment, [process])
    if aim.parameters["hang"]:
        frozen = freeze(victims, strike_ns)
        return Injection(process.name, frozen.touched, frozen.began_ns, frozen.still_ns, (process.name,))
    done = kill(victims, strike_ns)
    return Injection(process.name, done.touched, done.began_ns, done.dead_ns, (process.name,))


def look(aim: Aim, _injection: Injection) -> Sighting | NotSeen:
    """Send it a request directly, not through a link: no answer comes."""
    [port] = provider.process(aim.deployment).ports
    refused = ports.refusal(port)
    if provider.healthy(aim.deployment):
        return NotSeen(f"the payment provider on port {port} answers GET /health with 200")
    return Sighting(f"GET /health of the payment provider on port {port}", refused or f"accepted, no answer within {ports.TIMEOUT_S:g} s")


KIND = Kind(
    name="dependency.payments-down",
    does="Kills the payment provider by SIGKILL, or stops it by SIGSTOP; nothing restarts it until the fault is healed.",
    observed_by="The provider's own port refuses connections, or accepts them and does not answer.",
    undone_by="Starts or resumes the provider; proven by its answers, directly and through every link, and ready applications.",
    scope=(),
    uses=("payments",),
    parameters=(HANG,),
    expected=Expected.DEGRADES,
    unfit=provider.unfit,
    inject=inject,
    look=look,
    undo=provider.undo,
    prove=provider.prove,
    effect_within_s=30.0,
)
