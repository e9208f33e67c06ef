"""The payment provider charges at once and answers too late: charged, but not acknowledged."""

from __future__ import annotations

from closeshave.clients import ports
from closeshave.faults.dependency import provider
from closeshave.faults.kind import Aim, Kind, NotSeen, Parameter
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected

LATE_S = Parameter(
    "late_s",
    float,
    # The stand-in gives up after two seconds.
    default=3.0,
    about="Seconds between a charge and its answer.",
    at_least=0.5,
    at_most=30.0,
)
NOTHING = {"booking": 0, "franchise": 0, "amount": 0, "key": "probe"}
"""A charge of amount 0: it is refused, as late as any charge is answered, and leaves no line in the ledger."""


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Set it through its control interface, and read it back."""
    return provider.inject(aim, strike_ns, late_s=float(aim.parameters["late_s"]))


def look(aim: Aim, _injection: Injection) -> Sighting | NotSeen:
    """Send it a charge of amount 0: that takes as long as any charge, while its health check is answered at once."""
    wanted_s = 0.8 * float(aim.parameters["late_s"])
    try:
        ports.CLIENT.post(f"{aim.deployment.payments.url}/captures", json=NOTHING, timeout=wanted_s)
    except ports.Late:
        if provider.healthy(aim.deployment):
            return Sighting("POST /captures at the payment provider", f"no answer within {wanted_s:g} s, but it is healthy")
        return NotSeen(f"no answer of the payment provider within {wanted_s:g} s, and it is not healthy")
    except ports.Failed as error:
        return NotSeen(f"POST /captures at the payment provider: {type(error).__name__}")
    return NotSeen(f"the payment provider answers a charge within {wanted_s:g} s")


KIND = Kind(
    name="dependency.payments-late",
    does="Makes the payment provider charge at once and answer seconds later, when the platform has given up: charged, but not acknowledged.",
    observed_by="An invalid charge, which the provider refuses, is not answered in time, while its health check is.",
    undone_by="Makes the provider work normally again; proven by its settings, its answers, also through every link, and ready applications.",
    scope=(),
    uses=("payments",),
    parameters=(LATE_S,),
    expected=Expected.DEGRADES,
    unfit=provider.unfit,
    inject=inject,
    look=look,
    undo=provider.undo,
    prove=provider.prove,
    observed_within_s=60.0,
    effect_within_s=30.0,
)
