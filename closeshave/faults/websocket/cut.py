"""Every WebSocket through a region's balancer is cut, again and again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

from closeshave.clients import balancer
from closeshave.clock import now_ns
from closeshave.deployment import FOLLOWED, Balancer
from closeshave.faults.kind import Aim, Kind, NotSeen, Parameter, Proof, Say, Step
from closeshave.faults.waiting import wait_until
from closeshave.files import read_lines
from closeshave.history import Injection, Sighting, TouchedText
from closeshave.plan import Expected
from closeshave.plurals import counted
from closeshave.vocabulary import LIVE

EVERY = Parameter(
    "every", float, default=2.0, about="Seconds from one cut to the next, while the fault is held.", at_least=0.5, at_most=600
)


def _balancer(aim: Aim) -> Balancer:
    return next(each for each in aim.deployment.balancers if each.region == aim.scope["region"])


def _seen(aim: Aim) -> list[dict[str, object]]:
    """What the followers of the region saw of their connections, in time order; empty where nobody follows."""
    lines = read_lines(Path(aim.deployment.root, FOLLOWED))
    return [line for line in lines if line.get("region") == aim.scope["region"] and line.get("what") in {"opened", "closed"}]


def _apart(aim: Aim) -> tuple[int, list[str]]:
    """How many customers follow, and who of them has no connection now, by their own record."""
    last = {str(line["client"]): line["what"] for line in _seen(aim)}
    return len(last), sorted(client for client, what in last.items() if what != "opened")


def unfit(aim: Aim) -> str:
    """Unfit until customers of the region follow, and all of them are connected."""
    if not any(each.region == aim.scope["region"] for each in aim.deployment.balancers):
        return f"this environment has no balancer in a region {aim.scope['region']!r}"
    followers, apart = _apart(aim)
    if not followers:
        return f"no customer of {aim.scope['region']} follows their bookings"
    return f"{counted(len(apart), 'follower has', 'followers have')} no connection" if apart else ""


def _cut(aim: Aim) -> int:
    at = _balancer(aim)
    return sum(balancer.cut(at, session) for session in balancer.tunnels(at))


def inject(aim: Aim, strike_ns: int) -> Injection:
    """End every session of the balancer that has become a tunnel. Raises :class:`RuntimeError` when there is none."""
    wait_until(strike_ns)
    began_ns = now_ns()
    ended = _cut(aim)
    if not ended:
        raise RuntimeError(f"the balancer of {aim.scope['region']} carries no WebSocket")
    return Injection(aim.label, (TouchedText(counted(ended, "WebSocket")),), began_ns, now_ns(), (str(aim.scope["region"]),))


def course(aim: Aim) -> Iterator[Step]:
    """The next cuts."""

    def again(aim: Aim, _deadline_ns: int, say: Say) -> tuple[object, ...]:
        ended = _cut(aim)
        say(f"cut {counted(ended, 'WebSocket')}")
        return (TouchedText(counted(ended, "WebSocket")),) if ended else ()

    every = float(aim.parameters["every"])
    yield from (Step(every * number, "cut every WebSocket", again) for number in count(1))


def look(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """The customers' own record: connections that ended since."""
    closed = [line for line in _seen(aim) if line["what"] == "closed" and int(str(line["at_ns"])) >= injection.began_ns]
    if not closed:
        return NotSeen("no follower's connection has ended since")
    return Sighting("the followers' own record", f"{counted(len(closed), 'connection')} of {aim.scope['region']} ended")


def undo(_aim: Aim, _deadline_ns: int, _say: Say) -> tuple[str, ...]:
    """Nothing is left of it: no further cut is made."""
    return ()


def prove(aim: Aim) -> tuple[Proof, ...]:
    """All who follow are connected again, and the balancer carries their WebSockets."""
    followers, apart = _apart(aim)
    saw = f"not {', '.join(apart)}" if apart else "all of them"
    mine = Proof(f"{counted(followers, 'follower is', 'followers are')} connected", not apart, saw)
    try:
        carried = len(balancer.tunnels(_balancer(aim)))
    except balancer.Unavailable as error:
        return (mine, Proof("the balancer carries WebSockets", False, str(error)))
    return (mine, Proof("the balancer carries WebSockets", carried > 0 or not followers, counted(carried, "WebSocket")))


KIND = Kind(
    name="websocket.cut",
    does="Cuts every WebSocket through a region's balancer, and again every few seconds while it is held; new ones are let through.",
    observed_by="The record of the customers who follow their bookings: connections of theirs end.",
    undone_by="No further cut is made; proven by the customers, who are all connected again, and by the balancer, which carries their WebSockets.",
    scope=("region",),
    # Customers connect again, and are told what they missed.
    expected=Expected.TOLERATES,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    course=course,
    parameters=(EVERY,),
    uses=(LIVE,),
    environments=frozenset({"embedded"}),
    needs="customers who follow their bookings, whom only that environment has",
    lasting=False,
    effect_within_s=None,
    ask_every_s=0.2,
    healed_within_s=30.0,
)
