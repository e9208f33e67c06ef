"""Every operation of the booking API that senders record: what it needs and as what it appears elsewhere. The one list of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiOperation:
    """One kind of request, as an API profile describes it and ``closeshave/traffic/dialect.py`` sends it."""

    personal: bool = False
    """Whether it needs a session: refused as not logged in, it shows that a session was lost."""
    paying: bool = False
    """Whether it is a part of a payment; a platform has all parts or none."""
    optional: bool = True
    """Whether a platform may lack it, so that journeys leave it out (``capabilities.steps_off``)."""
    canary: str = ""
    """As what it is recorded when a canary sends it; empty where none does."""
    question: str = ""
    """What ``closeshave doctor`` calls it when it examines a platform; empty where it does not ask."""


OPERATIONS: Mapping[str, ApiOperation] = MappingProxyType(
    {
        "franchise": ApiOperation(question="franchise"),
        # Customers read what anybody may read; the doctor asks for the other list too.
        "services": ApiOperation(question="public services"),
        "barbers": ApiOperation(question="barbers"),
        "slots": ApiOperation(canary="canary_slots", question="slots"),
        "check_barber": ApiOperation(optional=False, canary="canary_check"),
        "login": ApiOperation(canary="canary_login", question="login"),
        "refresh": ApiOperation(canary="canary_refresh", question="refresh"),
        "profile": ApiOperation(personal=True, question="profile"),
        "book": ApiOperation(personal=True, canary="canary_write", question="book"),
        "read_booking": ApiOperation(personal=True, canary="canary_read", question="read_booking"),
        "reschedule": ApiOperation(personal=True, question="reschedule"),
        "cancel": ApiOperation(personal=True, canary="canary_cancel", question="cancel"),
        "pay_intent": ApiOperation(personal=True, paying=True, question="pay_intent"),
        "pay_confirm": ApiOperation(personal=True, paying=True, question="pay_confirm"),
        "change_shop": ApiOperation(),
    }
)
"""By the name under which it is recorded."""

PAYING = tuple(name for name, each in OPERATIONS.items() if each.paying)
PERSONAL = tuple(recorded for name, each in OPERATIONS.items() if each.personal for recorded in (name, each.canary) if recorded)
"""As customers and as canaries send them."""
LOGIN_AGAIN = "login_again"
"""As what a customer's log-in is recorded that follows a lost session, and is none of the scenario's; that of a canary has the name of its log-in."""
CANARY: Mapping[str, str] = MappingProxyType({name: each.canary for name, each in OPERATIONS.items() if each.canary})
"""ApiOperation → as what it is recorded when a canary sends it."""
