"""The payment provider answers errors."""

from __future__ import annotations

from closeshave.faults.dependency import provider
from closeshave.faults.kind import Aim, Kind, NotSeen, Parameter
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected

SHARE = Parameter("share", float, default=0.5, about="Share of its calls that end with 500.", at_least=0.05, at_most=1.0)


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Set it through its control interface, and read it back."""
    return provider.inject(aim, strike_ns, error_share=float(aim.parameters["share"]))


def look(aim: Aim, _injection: Injection) -> Sighting | NotSeen:
    """Request a payment intent several times: some calls fail."""
    statuses = provider.statuses(aim.deployment)
    if not (failed := statuses.count(500)):
        return NotSeen(
            f"{provider.ASKED} answers of the payment provider, none of them 500: {', '.join(map(str, dict.fromkeys(statuses)))}"
        )
    return Sighting("POST /intents at the payment provider", f"{failed} of {provider.ASKED} answers are 500")


KIND = Kind(
    name="dependency.payments-erring",
    does="Makes the payment provider answer a share of its calls with 500, before anything is charged.",
    observed_by="Test calls of the provider's API that change nothing are answered with 500.",
    undone_by="Makes the provider work normally again; proven by its settings, its answers, also through every link, and ready applications.",
    scope=(),
    uses=("payments",),
    parameters=(SHARE,),
    expected=Expected.DEGRADES,
    unfit=provider.unfit,
    inject=inject,
    look=look,
    undo=provider.undo,
    prove=provider.prove,
    effect_within_s=30.0,
)
