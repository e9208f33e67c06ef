"""The payment provider answers slowly."""

from __future__ import annotations

from closeshave.clients.toxiproxy import Toxic
from closeshave.faults import links
from closeshave.faults.dependency import provider
from closeshave.faults.kind import Aim, Kind, NotSeen, Parameter
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected

LATENCY_MS = Parameter("latency_ms", int, default=1500, about="Delay of each answer, in milliseconds.", at_least=50, at_most=30_000)


def unfit(aim: Aim) -> str:
    """Unfit if there are no links to disturb."""
    return links.unfit(aim.deployment) or provider.unfit(aim)


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Put a latency toxic on every region's link to the provider."""
    toxic = Toxic("latency", {"latency": int(aim.parameters["latency_ms"]), "jitter": 0})
    return links.inject(aim, links.Disturbance(provider.OWNER, provider.ways(aim.deployment), (toxic,)), strike_ns)


def look(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Ask the provider through every link that is in use, and directly: only answers through links come late."""
    wanted_s = int(aim.parameters["latency_ms"]) / 1e3
    if not provider.healthy(aim.deployment):
        return NotSeen("asked directly, the payment provider does not answer")
    return links.look(aim, injection, wanted_s + 2.0, lambda reply: reply.after_s >= 0.9 * wanted_s)


KIND = Kind(
    name="dependency.payments-slow",
    does="Delays every answer of the payment provider, on the links of all regions.",
    observed_by="A request through each link that customers' payments use is answered late, and one that bypasses the links at once.",
    undone_by="Removes the toxics; proven by empty lists, the provider's answers through every link and ready applications.",
    scope=(),
    uses=("payments",),
    parameters=(LATENCY_MS,),
    expected=Expected.DEGRADES,
    links=("app-payments",),
    unfit=unfit,
    inject=inject,
    look=look,
    undo=provider.undo,
    prove=provider.prove,
    # Few customers pay, and a link without requests shows nothing.
    observed_within_s=30.0,
    effect_within_s=30.0,
)
