"""Load machines in a trial: they join before anything is started, send the customers' load, and hand over their records at the end."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from closeshave import __version__, history, private
from closeshave.files.yamlfile import InvalidFile, Problem, document, line_of
from closeshave.machines import joinfile
from closeshave.machines.accounting import MachinesAccount, account
from closeshave.machines.credentials import RunCredentials
from closeshave.machines.joinfile import JoinFile
from closeshave.machines.master import LoadMachines, MachinesFailed
from closeshave.machines.refusals import ExpectedMachines
from closeshave.machines.sending import MachinesGenerator, await_joined
from closeshave.plurals import counted
from closeshave.traffic.load import Load
from closeshave.trial import joinsecret
from closeshave.trial.joinsecret import JoinSecret
from closeshave.trial.prepared import Prepared
from closeshave.trial.state import Trial
from closeshave.vocabulary import LOGS, MarkKind

GATHER_S, GATHER_EARLY_S = 60.0, 5.0
"""How long records are waited for of machines that cannot be reached; an operator who stops a trial waits less."""


@dataclass(frozen=True, slots=True)
class MachinesWanted:
    """What the command says of load machines."""

    count: int
    host: str
    port: int
    """0: any that is free."""
    join_file: Path | None
    """Where the join file is written; ``None``: in the private directory of the run."""
    wait_s: float
    secret: JoinSecret | None = None
    """Where pods of load machines find the join file."""


def wanted(
    prepared: Prepared, count: int | None, host: str, port: int, join_file: Path | None, wait_s: float, secret: str = ""
) -> MachinesWanted | None:
    """The load machines of a trial; ``None`` without any. Raises :class:`InvalidFile` for what they could not find or would not get."""
    if count is None:
        if join_file is not None:
            raise InvalidFile(Problem("--join-file", 0, "", "it is for load machines; give their number with --expect-workers"))
        if secret:
            raise InvalidFile(Problem(joinsecret.OPTION, 0, "", "it is for load machines; give their number with --expect-workers"))
        return None
    plan, own = prepared.inputs.plan, prepared.plan.traffic.locust
    if own is not None and not Path(own.file).resolve().is_relative_to(plan.parent.resolve()):
        key, said = (
            ("traffic", "locust", "file"),
            f"{own.file} is not below {plan.parent}: load machines find it from the directory of the plan alone",
        )
        raise InvalidFile(Problem(str(plan), line_of(document(plan), key), ".".join(key), said))
    if join_file is not None and not join_file.parent.is_dir():
        raise InvalidFile(Problem("--join-file", 0, "", f"there is no directory {join_file.parent}"))
    return MachinesWanted(count, host, port, join_file, wait_s, joinsecret.named(secret) if secret else None)


def join(trial: Trial, wanted: MachinesWanted | None) -> None:
    """Listen, write the join file, and wait for all machines, if any are wanted.

    Raises :class:`closeshave.machines.master.MachinesFailed` and :class:`OSError`.
    """
    if wanted is None:
        return
    trial.begin(f"waiting for {counted(wanted.count, 'load machine')}")
    own = private.make(trial.run)
    credentials = RunCredentials.make(own, trial.manifest.id)
    plan = hashlib.sha256(trial.prepared.inputs.plan.read_bytes()).hexdigest()
    expected = ExpectedMachines(credentials.token, __version__, trial.manifest.id, plan, trial.prepared.plan.seed, wanted.count)
    trial.manifest = replace(trial.manifest, load_machines=wanted.count)
    history.save_manifest(trial.run, trial.manifest)
    trial.machines = LoadMachines(expected, credentials, trial.run / LOGS)
    address = trial.machines.listen(wanted.host, wanted.port)
    path = wanted.join_file or own / joinfile.FILE
    JoinFile(
        1, expected.run, expected.version, plan, expected.seed, credentials.authority, credentials.machines.decode(), credentials.token
    ).save(path)
    trial.join_file = path
    if wanted.secret is not None:
        trial.join_secret = wanted.secret
        joinsecret.publish(wanted.secret, path)
    trial.say(f"{counted(wanted.count, 'load machine')}: closeshave worker --master {address} --join {path}", "waiting for")
    await_joined(trial.machines, wanted.count, wanted.wait_s, lambda: tell(trial))


def tell(trial: Trial) -> None:
    """Show what has happened to machines, and keep what belongs into the history."""
    if trial.machines is None:
        return
    for news in trial.machines.news():
        trial.say(news.said, f"load machine {news.machine}", "yellow" if news.lasting else "")
        if news.lasting:
            trial.mark(MarkKind.NOTE, f"load machine {news.machine} {news.said}")


def start(trial: Trial, load: Load) -> MachinesGenerator:
    """The load machines as the generator of the customers' load. Raises :class:`closeshave.traffic.generator.GeneratorFailed`."""
    assert trial.machines is not None
    return MachinesGenerator.start(trial.machines, load, trial.prepared.inputs.plan.parent, lambda: tell(trial))


def gather(trial: Trial, *, early: bool) -> MachinesAccount:
    """Fetch all records, put them in their place, and count. Raises :class:`OSError`."""
    generator = next((each for each in trial.generators if isinstance(each, MachinesGenerator)), None)
    if generator is None or generator.start_ns is None:
        return MachinesAccount((), (), {}, {})
    generator.gather(GATHER_EARLY_S if early else GATHER_S)
    tell(trial)
    phases = trial.manifest.phases
    ended_ns = phases[-1].ended_ns if phases else generator.start_ns
    found = account(generator, trial.run, ended_ns)
    history.save_machines(trial.run, found.parts)
    for part in found.parts:
        offset, sure = part.offset_ns / 1e6, part.uncertainty_ns / 1e6
        counts = f"{part.intended:,} arrivals = {part.sent:,} sent + {part.late:,} late + {part.blind:,} blind; " if part.counted else ""
        counts += f"{part.taken:,} of them taken over from a lost machine; " if part.taken else ""
        trial.say(f"{counts}its clock is {offset:+,.3f} ms off, ± {sure:,.3f} ms", f"load machine {part.name}")
    return found


def leave(trial: Trial) -> None:
    """Take leave of all machines, and remove the join file."""
    if trial.machines is None:
        return
    trial.machines.close("the run ended before the load" if not trial.loaded else "")
    tell(trial)
    if trial.join_file is not None:
        trial.join_file.unlink(missing_ok=True)
    if trial.join_secret is not None:
        try:
            joinsecret.empty(trial.join_secret)
        except MachinesFailed as error:
            # Nobody can join a run that is over: what is left there opens nothing.
            trial.say(str(error), "load machines", "yellow")
