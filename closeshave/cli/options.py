"""Arguments and options that several commands have, and what a shell completes them to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from closeshave.files.shipped import available

RUNS, ROUNDS, CAPACITIES, GATES = (Path("reports", name) for name in ("runs", "probes", "capacities", "gates"))
"""Where runs, rounds of probes, capacity searches and gates lie unless somebody says otherwise."""


def _named(folder: str) -> Callable[[str], list[str]]:
    """Names of files in a folder, as far as they are typed."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in available(folder) if name.startswith(incomplete)]

    return complete


def families(incomplete: str) -> list[str]:
    """Families of probes, as far as one is typed."""
    from closeshave.probes.catalogue import FAMILIES

    return [name for name in FAMILIES if name.startswith(incomplete)]


def probes(incomplete: str) -> list[str]:
    """Probes, as far as one is typed."""
    from closeshave.probes.catalogue import PROBES

    return [name for name in PROBES if name.startswith(incomplete)]


def runs_below(incomplete: str) -> list[str]:
    """Run directories, newest first."""
    return [path for path in sorted(map(str, RUNS.glob("*/")), reverse=True) if path.startswith(incomplete)]


plans, environments, targets = _named("scenarios"), _named("environments"), _named("environments/targets")

RunDirectory = Annotated[
    Path, typer.Argument(help="A run directory, below reports/runs.", exists=True, file_okay=False, autocompletion=runs_below)
]
OtherRun = Annotated[
    Path, typer.Argument(help="Another run directory, to compare with the first.", exists=True, file_okay=False, autocompletion=runs_below)
]
Against = Annotated[
    Path | None,
    typer.Option(
        help="A run directory to compare with: the report gets a section about it.", exists=True, file_okay=False, autocompletion=runs_below
    ),
]
History = Annotated[
    Path | None,
    typer.Option(
        help="A directory of runs, or a file of nights (*.jsonl), which this run is appended to: the report says where figures changed over the nights."
    ),
]
EnvironmentName = Annotated[
    str, typer.Argument(help="An environment file, or the name of one in environments/.", autocompletion=environments)
]
Environment = Annotated[str | None, typer.Option(help="Use this environment instead of the plan's.", autocompletion=environments)]
Target = Annotated[str | None, typer.Option(help="Use this target instead of the plan's.", autocompletion=targets)]
Seed = Annotated[int | None, typer.Option(min=0, help="Use this seed instead of the plan's.")]
RateScale = Annotated[
    float | None,
    typer.Option(
        help="Multiply the rates of sessions, contests and canaries, by at most 10. Below 1 the calm phases last longer, within limits.duration. "
        "Without this option a plan with rate: auto is calibrated. The canaries' rate sets the resolution of recovery times."
    ),
]
Attach = Annotated[Path | None, typer.Option(help="Root directory of a running environment to use; it stays running afterwards.")]
Accounts = Annotated[Path | None, typer.Option(help="File of customer accounts, instead of the one that the environment file names.")]
Confirm = Annotated[
    str,
    typer.Option(
        help="Type the environment's name. Production is not loaded without it. Taken from the command line alone.",
        allow_from_autoenv=False,
    ),
]
Runs = Annotated[Path, typer.Option(help="Directory in which run directories are created.")]
Root = Annotated[Path | None, typer.Option(help="Its root directory, when several are running.")]

LiveWanted = Annotated[bool, typer.Option("--live", help="Serve one page on loopback that shows the running trial, and print its link.")]
LivePort = Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0 takes any that is free.")]
LiveAddress = Annotated[str, typer.Option(help="Address of the page. Another than loopback needs TLS: --live-certificate and --live-key.")]
LiveCertificate = Annotated[
    Path | None, typer.Option(help="The page's certificate and its chain (PEM); the first name that it holds for stands in the link.")
]
LiveKey = Annotated[Path | None, typer.Option(help="The private key of that certificate (PEM, without a password).")]
