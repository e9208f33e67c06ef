"""A kind of fault that consists only of toxics on links: which links, which toxics, and how their users notice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from closeshave.clients.toxiproxy import Toxic
from closeshave.clients.wire import WireReply
from closeshave.deployment import Link
from closeshave.faults import links, proofs
from closeshave.faults.affected import Affected
from closeshave.faults.kind import Aim, NotSeen, Proof, Say
from closeshave.faults.links import Disturbance
from closeshave.history import Injection, Sighting


@dataclass(frozen=True, slots=True)
class LinkFault:
    """The functions of such a kind, as :class:`~closeshave.faults.kind.Kind` wants them."""

    kind: str
    links: Callable[[Aim], Iterable[Link]]
    """Read when it is needed, because roles change."""
    toxics: Callable[[Aim], tuple[Toxic, ...]]
    shows: Callable[[Aim], Callable[[WireReply], bool]]
    """Whether an answer through such a link shows the disturbance."""
    affected: Callable[[Aim], Affected]
    timeout_s: Callable[[Aim], float] = lambda _aim: links.SILENT_S
    """Seconds until a request counts as not answered."""
    questions: int = 1
    enough: Callable[[Iterable[bool]], bool] = all

    def disturbance(self, aim: Aim) -> Disturbance:
        """Which toxics are put on which links at the moment."""
        return Disturbance(links.owner(self.kind, aim), tuple(dict.fromkeys(self.links(aim))), self.toxics(aim))

    def unfit(self, aim: Aim) -> str:
        """Unfit if no link can be disturbed, or while the parts that it would disturb are unhealthy."""
        return links.unfit(aim.deployment) or self.affected(aim).unfit()

    def inject(self, aim: Aim, strike_ns: int) -> Injection:
        """Put the toxics on."""
        return links.inject(aim, self.disturbance(aim), strike_ns)

    def look(self, aim: Aim, injection: Injection) -> Sighting | NotSeen:
        """Ask through every link in use."""
        return links.look(aim, injection, self.timeout_s(aim), self.shows(aim), questions=self.questions, enough=self.enough)

    def undo(self, aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
        """Take the toxics off, and repair what may have broken meanwhile."""
        done = links.clear(aim.deployment, links.owner(self.kind, aim), deadline_ns, say)
        return (*done, *self.affected(aim).mend(deadline_ns, say, at_home=_at_home(aim)))

    def prove(self, aim: Aim) -> tuple[Proof, ...]:
        """No toxic of this fault is listed anywhere, and everything is healthy."""
        return proofs.together(
            [links.cleared(aim.deployment, links.owner(self.kind, aim)), *self.affected(aim).checks(at_home=_at_home(aim))]
        )


def _at_home(aim: Aim) -> bool:
    return bool(aim.parameters.get("switch_back", False))
