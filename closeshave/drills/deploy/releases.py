"""What every deploy has: the declared release runs before it and after it, and customers' own way to the instances proves which one serves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from closeshave.clients import balancer, versions
from closeshave.control import processes
from closeshave.deployment import Deployment, Edge, Process, load
from closeshave.drills.kind import RELEASE, DrillDisturbed, DrillFailed, DrillKind, DrillOverdue, DrillStep, DrillWork, Facts
from closeshave.environments.rollout import record, rolling
from closeshave.environments.rollout.instances import GivenUp, RolloutFailed, RolloutLate, RolloutUnfit
from closeshave.environments.rollout.record import RolloutBusy
from closeshave.environments.rollout.steps import Replaced, one_by_one
from closeshave.faults import proofs
from closeshave.faults.kind import Aim, Parameter, Proof, Say
from closeshave.faults.waiting import left_s

DEPLOYED = Parameter(RELEASE, str, default="next", about="The release that is deployed, by its name in the environment file.")
PIDS = "processes_before"
"""The fact of a step that rolled a release out: which processes it was to replace."""
UNANSWERED = "no answer"
ASKS = 3
"""Requests through an edge for each of its region's instances: balancers take turns, and customers' requests come in between."""
PUT_BACK_WITHIN_S = 180.0
"""Every instance is replaced once more."""


def deploy_kind(
    name: str,
    does: str,
    proven_by: str,
    steps: tuple[DrillStep, ...],
    prove: Callable[[DrillWork], tuple[Proof, ...]],
    *,
    unfit: Callable[[Aim], str] | None = None,
    prove_stopped: Callable[[DrillWork], tuple[Proof, ...]] | None = None,
    undo: Callable[[Aim, int, Say], tuple[str, ...]] | None = None,
    parameters: tuple[Parameter, ...] = (),
    uses: tuple[str, ...] = (),
) -> DrillKind:
    """A kind of deploy: of the whole environment, begun in its own release, and put back to that."""
    return DrillKind(
        name=name,
        does=does,
        proven_by=proven_by,
        put_back_by="Rolls the environment's own release out where another one is left; proven by requests through every edge, readiness, equal weights.",
        scope=(),
        steps=steps,
        unfit=unfit or unfit_for_any,
        prove=prove,
        prove_stopped=prove_stopped,
        undo=undo or roll_back,
        safe=safe,
        parameters=(DEPLOYED, *parameters),
        uses=("releases", *uses),
        put_back_within_s=PUT_BACK_WITHIN_S,
    )


def unfit_for_any(aim: Aim) -> str:
    """Unfit unless all instances serve in the declared release: that is the one that is put back."""
    deployment = load(Path(aim.deployment.root))
    application = deployment.application
    if application.release != application.declared:
        return f"the environment runs {application.release}, not {application.declared}, its own release"
    if str(aim.parameters[RELEASE]) not in application.releases:
        return f"the environment has no release {aim.parameters[RELEASE]}; it has {', '.join(application.releases) or 'none'}"
    ready = proofs.applications(deployment)()
    return "" if ready.holds else ready.saw


def roll(work: DrillWork, release: str) -> Facts:
    """Replace one instance after another, as under load. Raises :class:`DrillFailed` and :class:`DrillDisturbed`."""
    root = Path(work.aim.deployment.root)
    before = instances_now(root)
    with as_drill(work):
        done = rolling.roll(
            root, release, work.say, order=one_by_one, abort=lambda: given_up(work), told=lambda one: say_replaced(work, one)
        )
    return {"release": release, **found(done.replaced), PIDS: before}


def given_up(work: DrillWork) -> str:
    """Why a rollout must not go on; empty when it may."""
    if work.stop():
        return "the drill was stopped"
    return "" if left_s(work.deadline_ns) > 0 else "its limit of time was over"


def say_replaced(work: DrillWork, one: Replaced) -> None:
    """Tell of an instance that was replaced."""
    work.say(f"{one.instance} is replaced after {one.out_s:.1f} s without requests")


@contextmanager
def as_drill(work: DrillWork) -> Iterator[None]:
    """What a rollout raises in the block is raised as what it means for the drill."""
    try:
        yield
    except (RolloutBusy, RolloutUnfit) as error:
        raise DrillDisturbed(str(error)) from error
    except GivenUp as error:
        raise (DrillDisturbed if work.stop() else DrillOverdue)(str(error)) from error
    except RolloutLate as error:
        raise DrillOverdue(str(error)) from error
    except RolloutFailed as error:
        raise DrillFailed(str(error)) from error


def found(replaced_ones: Sequence[Replaced]) -> Facts:
    """What a rollout of some instances found."""
    return {
        "instances": len(replaced_ones),
        "requests_cut": sum(one.cut for one in replaced_ones),
        "out_s_longest": round(max((one.out_s for one in replaced_ones), default=0.0), 3),
    }


def instances_now(root: Path) -> str:
    """Every instance with its process: ``app-here-0 123, app-here-1 124``."""
    found = ((app.name, processes.find(root, app)) for app in load(root).processes if app.role == "app")
    return ", ".join(f"{name} {identity.pid}" for name, identity in found if identity is not None)


def replaced(root: Path, before: object) -> Proof:
    """Whether each instance has another process than before the rollout: two releases may answer the same version, or none."""
    kept = sorted(set(str(before).split(", ")) & set(instances_now(root).split(", ")))
    told = bool(before) and not kept
    return Proof(
        "every instance has a new process", told, ", ".join(kept) or ("all of them" if before else "it is not known what ran before")
    )


def balanced(root: Path) -> Proof:
    """Whether every balancer sends each of its instances the same share."""
    deployment, wrong = load(root), []
    for at in deployment.balancers:
        try:
            views = {app.name: balancer.view(at, app.name) for app in deployment.owned_by(at.region) if app.role == "app"}
        except balancer.Unavailable as error:
            wrong.append(str(error))
            continue
        if len({view.weight for view in views.values() if view.serves}) > 1 or not all(view.serves for view in views.values()):
            wrong.append(", ".join(f"{name} {view.status} with weight {view.weight}" for name, view in views.items()))
    return Proof("every balancer sends each of its instances the same share", not wrong, "; ".join(wrong) or "all of them")


def serving(root: Path, release: str, asks: int = ASKS) -> tuple[Proof, ...]:
    """Which version customers get through every edge, and whether every process of the release runs."""
    deployment = load(root)
    there = deployment.application.releases[release].processes
    wanted = deployment.application.releases[release].version or deployment.application.releases[deployment.application.declared].version
    found = [_runs(root, there)]
    if deployment.application.version is not None and wanted:
        found += [_answers(deployment, edge, wanted, asks) for edge in deployment.edges]
    return tuple(found)


def _runs(root: Path, there: tuple[Process, ...]) -> Proof:
    wrong = [process.name for process in there if processes.find(root, process) is None]
    return Proof("every instance and worker runs", not wrong, f"{', '.join(wrong)} does not" if wrong else f"all {len(there)} of them")


def _answers(deployment: Deployment, edge: Edge, wanted: str, asks: int) -> Proof:
    instances = sum(1 for process in deployment.owned_by(edge.region) if process.role == "app")
    said = Counter(_version(deployment, edge) for _ in range(asks * max(1, instances)))
    saw = ", ".join(f"{count} times {version}" for version, count in said.most_common())
    # A request without an answer says nothing of a release. What it costs customers is judged by their own requests.
    return Proof(f"customers of {edge.region} get version {wanted}", set(said) - {UNANSWERED} == {wanted}, saw)


def _version(deployment: Deployment, edge: Edge) -> str:
    asked = deployment.application.version
    answer = proofs.ask(deployment, edge, asked.path) if asked is not None else None
    if asked is None or answer is None:
        return UNANSWERED
    return versions.said(asked, answer) or f"no version (HTTP {answer.status_code})"


def roll_back(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Go back from a rollout that was not finished, and roll the declared release out where another one runs."""
    root, done = Path(aim.deployment.root), []
    if left_s(deadline_ns) <= 0:
        return ()
    try:
        if said := rolling.go_back(root, say):
            done.append(said)
        application = load(root).application
        if application.release != application.declared:
            back = rolling.roll(root, application.declared, say)
            done.append(f"rolled {back.rollout.after} out again in {back.took_s:.1f} s")
    except (RolloutFailed, RolloutBusy) as error:
        # The proof says what is not as it was.
        done.append(str(error))
    return tuple(done)


def safe(aim: Aim) -> tuple[Proof, ...]:
    """All instances run in the declared release, are ready, and are reached by customers."""
    root = Path(aim.deployment.root)
    deployment = load(root)
    application = deployment.application
    settled = Proof(
        f"the environment runs {application.declared}", application.release == application.declared and record.unfinished(root) is None,
        application.release,
    )  # fmt: skip
    reached = proofs.together([proofs.applications(deployment), proofs.edges(deployment)])
    return (settled, *reached, balanced(root), *serving(root, application.declared))
