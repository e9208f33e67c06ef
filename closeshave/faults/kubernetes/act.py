"""What a kind of fault does on a cluster: a way to strike and a way to see it; how it is put back and proven is the same for all."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from closeshave.clients.kubernetes import ClusterApi, NoCluster
from closeshave.clock import now_ns
from closeshave.cluster import Cluster
from closeshave.faults.kind import Aim, Kind, NotSeen, Parameter, Proof, Say, Step
from closeshave.faults.kubernetes import pods
from closeshave.faults.kubernetes.marks import mark_of, marked, put_back
from closeshave.faults.waiting import until, wait_until
from closeshave.history import Injection, Sighting, TouchedText
from closeshave.plan import Expected

ENVIRONMENT = "kubernetes"
AGAIN_S = 5.0
ASK_EVERY_S = 1.0
"""An API server is asked rarely."""
HEALED_WITHIN_S = 300.0
"""A member of a database that was replaced copies its data, and a pod may have to fetch its image."""


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault on a cluster, as its functions get it."""

    api: ClusterApi
    cluster: Cluster
    aim: Aim
    mark: str


@dataclass(frozen=True, slots=True)
class Act:
    """How one kind of fault is carried out on a cluster. ``strike`` returns what it touched, ``look`` reads only what the cluster says afterwards."""

    does: str
    observed_by: str
    undone_by: str
    unfit: Callable[[Struck], str]
    strike: Callable[[Struck], tuple[str, ...]]
    look: Callable[[Struck, Injection], Sighting | NotSeen]
    parameters: tuple[str, ...] = ()
    """Those of the kind's parameters that it obeys."""
    proofs: Callable[[Struck], tuple[Proof, ...]] = lambda _struck: ()
    """What must hold besides that nothing is marked any more and all pods of the scope are ready."""
    lasting: bool = True
    observed_within_s: float = 60.0
    again: Callable[[Struck], tuple[str, ...]] | None = None
    """What is repeated while it is held; returns what it changed."""
    again_does: str = ""
    """What that is, for the timeline."""


@dataclass(frozen=True, slots=True)
class OnCluster:
    """The functions of a kind, as an act carries them out."""

    name: str
    """The kind's."""
    act: Act

    def unfit(self, aim: Aim) -> str:
        """Why the cluster is not ready for it now."""
        try:
            with self._struck(aim) as struck:
                return self.act.unfit(struck)
        except NoCluster as error:
            return str(error)

    def inject(self, aim: Aim, strike_ns: int) -> Injection:
        """Strike at its time. Raises :class:`NoCluster`."""
        with self._struck(aim) as struck:
            wait_until(strike_ns)
            began_ns = now_ns()
            touched = self.act.strike(struck)
        return Injection(aim.label, tuple(map(TouchedText, touched)), began_ns, None, targets=(), returned_ns=now_ns())

    def look(self, aim: Aim, injection: Injection) -> Sighting | NotSeen:
        """What the cluster says."""
        try:
            with self._struck(aim) as struck:
                return self.act.look(struck, injection)
        except NoCluster as error:
            return NotSeen(str(error))

    def undo(self, aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
        """Put back what is marked, again and again until nothing is. Raises :class:`RuntimeError`."""
        done: list[str] = []
        refused: list[str] = []

        def clean() -> bool:
            try:
                with self._struck(aim) as struck:
                    done.extend(put_back(struck.api, marked(struck.api, struck.cluster, struck.mark)))
                    return not marked(struck.api, struck.cluster, struck.mark)
            except NoCluster as error:
                if str(error) not in refused:
                    refused.append(str(error))
                    say(str(error))
                return False

        if not until(clean, deadline_ns, ASK_EVERY_S):
            raise RuntimeError(f"the cluster was not put back in time: {refused[-1] if refused else 'marks are left'}")
        return tuple(done) or ("nothing in the cluster carried the fault's mark; its own controllers replace what is gone",)

    def prove(self, aim: Aim) -> tuple[Proof, ...]:
        """Everything that must be true afterwards."""
        try:
            with self._struck(aim) as struck:
                more = self.act.proofs(struck)
            return (*pods.whole(aim, mark_of(aim, self.name)), *more)
        except NoCluster as error:
            return (Proof("the cluster's API answers", holds=False, saw=str(error)),)

    def course(self, _aim: Aim) -> Iterable[Step]:
        """What is repeated while it is held."""
        if self.act.again is not None:
            for number in itertools.count(1):
                yield Step(number * AGAIN_S, self.act.again_does, lambda aim, _deadline_ns, _say: self._again(aim))

    def _again(self, aim: Aim) -> tuple[str, ...]:
        with self._struck(aim) as struck:
            return () if self.act.again is None else self.act.again(struck)

    @contextmanager
    def _struck(self, aim: Aim) -> Iterator[Struck]:
        with pods.asked(aim) as (api, cluster):
            yield Struck(api, cluster, aim, mark_of(aim, self.name))


def bind(kind: Kind, act: Act) -> Kind:
    """The kind as it is carried out on a cluster."""
    done = OnCluster(kind.name, act)
    return replace(
        kind,
        does=act.does,
        observed_by=act.observed_by,
        undone_by=act.undone_by,
        unfit=done.unfit,
        inject=done.inject,
        look=done.look,
        undo=done.undo,
        prove=done.prove,
        parameters=tuple(each for each in kind.parameters if each.name in act.parameters),
        links=(),
        uses=(),
        kills_etcd=False,
        lead_s=lambda _aim: 2.0,
        observed_within_s=act.observed_within_s,
        healed_within_s=HEALED_WITHIN_S,
        environments=kind.environments | {ENVIRONMENT},
        needs="",
        lasting=act.lasting,
        course=done.course,
        ask_every_s=ASK_EVERY_S,
        why_worthless=lambda _aim, _injection, _stop: "",
    )


def only(name: str, act: Act, scope: tuple[str, ...], expected: Expected, parameters: tuple[Parameter, ...] = ()) -> Kind:
    """A kind that there is on clusters alone."""
    done = OnCluster(name, act)
    kind = Kind(
        name=name,
        does=act.does,
        observed_by=act.observed_by,
        undone_by=act.undone_by,
        scope=scope,
        parameters=parameters,
        expected=expected,
        unfit=done.unfit,
        inject=done.inject,
        look=done.look,
        undo=done.undo,
        prove=done.prove,
        environments=frozenset({ENVIRONMENT}),
        needs="a Kubernetes cluster",
        effect_within_s=None,
    )
    return replace(bind(kind, act), needs=kind.needs)
