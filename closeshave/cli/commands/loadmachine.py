"""A load machine of somebody else's run."""

from __future__ import annotations

import hashlib
import re
import signal
import socket
from pathlib import Path
from typing import Annotated

import typer

from closeshave.cli import exits
from closeshave.cli.app import app
from closeshave.cli.saying import Json, Quiet, Voice
from closeshave.files.yamlfile import InvalidFile, Problem


def _name() -> str:
    """This machine's own name, in the form of a load machine's."""
    return re.sub(r"[^a-z0-9.-]+", "-", socket.gethostname().lower()).strip(".-")[:40].strip(".-") or "load-machine"


def _address(text: str) -> tuple[str, int]:
    """``HOST:PORT``, an IPv6 address in brackets. Raises :class:`InvalidFile`."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%a-z]+)\]|([^\[\]:/\s]+)):(\d{1,5})", text)
    if found is None or not 0 < int(found[3]) < 65536:
        raise InvalidFile(
            Problem("--master", 0, "", f"{text!r} is not HOST:PORT, like 192.0.2.7:7300 or [2001:db8::7]:7300; the run prints it")
        )
    return found[1] or found[2], int(found[3])


@app.command(epilog=exits.told())
def worker(  # noqa: PLR0917 - an option each
    master: Annotated[str, typer.Option(help="Where the run waits for its load machines, HOST:PORT, as it prints it.")],
    join: Annotated[Path, typer.Option(help="The join file of the run, copied to this machine; readable by nobody else.", dir_okay=False)],
    name: Annotated[str, typer.Option(help="Name of this load machine, unique in the run. By default the name of the machine.")] = "",
    processes: Annotated[int, typer.Option(min=0, max=256, help="Number of processes that send; 0: as many as the plan says.")] = 0,
    plan: Annotated[
        Path | None,
        typer.Option(help="This machine's copy of the plan, to be compared with that of the run.", exists=True, dir_okay=False),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The seed that the run must have. By default that of the join file.")] = None,
    plan_directory: Annotated[
        Path, typer.Option(help="Directory of the plan on this machine; a Locust file of your own is found from there.", file_okay=False)
    ] = Path(),
    directory: Annotated[Path, typer.Option(help="Directory in which the records of this machine are kept.", file_okay=False)] = Path(
        "reports/load"
    ),
    patience: Annotated[
        float,
        typer.Option(min=1, max=86400, help="Seconds to wait for a run that cannot be reached: to join it, or to hand over the records."),
    ] = 600.0,
    stay: Annotated[
        bool,
        typer.Option(
            "--stay", help="Wait for the join file, take part in its run, and then wait for that of the next run; until it is stopped."
        ),
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Send a share of another machine's run (closeshave run --expect-workers), keep the records, and hand them over at the end."""
    from closeshave import __version__
    from closeshave.machines import joinfile
    from closeshave.machines.joinfile import JoinFile, JoinRefused
    from closeshave.machines.messages import NAME
    from closeshave.machines.staying import StayingMachine
    from closeshave.machines.worker import LoadWorker, LoadWorkerSettings, WorkerRefused

    voice, taking_part = Voice(json, quiet), None
    host, port = _address(master)
    name = name or _name()
    if not re.fullmatch(NAME, name):
        raise InvalidFile(
            Problem("--name", 0, "", f"{name!r} is no name of a load machine: at most 40 letters a-z, digits, dots and hyphens")
        )
    if not stay and not join.exists():
        raise InvalidFile(Problem("--join", 0, "", f"there is no file {join}; the run writes it, and you copy it here"))

    def part_in(read: JoinFile) -> LoadWorker:
        own = read.plan if plan is None else hashlib.sha256(plan.read_bytes()).hexdigest()
        beside = plan_directory if plan is None or plan_directory != Path() else plan.parent
        settings = LoadWorkerSettings(
            host, port, read, __version__, name, processes, own, read.seed if seed is None else seed, beside.resolve(), directory, patience,
        )  # fmt: skip
        return LoadWorker(settings, voice.note)

    if stay:
        staying = StayingMachine(join, part_in, voice.note)
        staying.listen()
        raise typer.Exit(staying.work())
    try:
        taking_part = part_in(joinfile.read(join))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, taking_part.asked_to_stop)
        code = taking_part.work()
    except (JoinRefused, OSError) as error:
        raise InvalidFile(Problem(str(join), 0, "", str(error))) from None
    except WorkerRefused as error:
        kept = (
            f"; the records of this machine are in {taking_part.share.place}" if taking_part is not None and taking_part.share.begun else ""
        )
        raise InvalidFile(Problem(f"load machine {name}", 0, "", f"{error}{kept}")) from None
    records = taking_part.share.place if taking_part.share.begun else None
    voice.result({"name": name, "records": None if records is None else str(records), "handed_over": code == 0}, (), lambda _console: None)
    raise typer.Exit(code)
