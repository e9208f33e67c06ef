"""A trial: run it, check its plan, stop it."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from closeshave.cli import exits, hosted, options, output, settings, trying, uploading
from closeshave.cli.app import app
from closeshave.cli.at_hand import at_hand
from closeshave.cli.saying import Json, Quiet, Voice, lines
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.vocabulary import MARKDOWN, Exit

if TYPE_CHECKING:
    from closeshave.trial.preparation import Prepared


@app.command(epilog=exits.told(Exit.FAIL, Exit.INCONCLUSIVE, Exit.SAFETY))
def run(  # noqa: PLR0917 - an option each
    context: typer.Context,
    plan: Annotated[
        str,
        typer.Argument(
            help="A plan file, or the name of one in scenarios/.", is_eager=True, callback=settings.beside, autocompletion=options.plans
        ),
    ],
    environment: options.Environment = None,
    target: options.Target = None,
    seed: options.Seed = None,
    rate_scale: options.RateScale = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Number of processes that share the customers' load, instead of the plan's.")
    ] = None,
    runs: options.Runs = options.RUNS,
    attach: options.Attach = None,
    accounts: options.Accounts = None,
    confirm: options.Confirm = "",
    against: options.Against = None,
    history: options.History = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Serve Prometheus metrics of the running trial on this port; 0 takes any that is free."),
    ] = None,
    metrics_address: Annotated[
        str,
        typer.Option(
            help="Address of --metrics-port. Whoever can reach it can read the metrics: another than loopback is for a trusted network."
        ),
    ] = "127.0.0.1",
    otlp: Annotated[
        str,
        typer.Option(
            help="Send metrics and spans to this OpenTelemetry collector (gRPC), like http://127.0.0.1:4317. Needs closeshave[otlp]."
        ),
    ] = "",
    grafana: Annotated[
        str, typer.Option(help="Write annotations to this Grafana server. Its token is taken from the variable CLOSESHAVE_GRAFANA_TOKEN.")
    ] = "",
    live: options.LiveWanted = False,
    live_port: options.LivePort = 0,
    live_address: options.LiveAddress = "127.0.0.1",
    live_certificate: options.LiveCertificate = None,
    live_key: options.LiveKey = None,
    expect_workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=256,
            help="Let so many load machines (closeshave worker) send the customers' load, and wait for them before anything starts.",
        ),
    ] = None,
    workers_address: Annotated[
        str,
        typer.Option(
            help="Address at which load machines join. Another than loopback needs no more: they authenticate by TLS certificates."
        ),
    ] = "127.0.0.1",
    workers_port: Annotated[int, typer.Option(min=0, max=65535, help="Port at which load machines join; 0 takes any that is free.")] = 0,
    workers_wait: Annotated[float, typer.Option(min=1, max=86400, help="Seconds to wait for all load machines.")] = 300.0,
    join_file: Annotated[
        Path | None,
        typer.Option(help="Where to write the file that lets a load machine join (mode 0600); removed at the end of the run."),
    ] = None,
    join_secret: Annotated[
        str,
        typer.Option(
            help="Write the join file into this Secret too, NAMESPACE/NAME: for a run and load machines that are pods of a cluster."
        ),
    ] = "",
    upload: Annotated[
        str,
        typer.Option(help="Copy the finished run directory to this S3-compatible store, s3://BUCKET/PREFIX. Needs closeshave[s3]."),
    ] = "",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run a trial: start the environment, load it, inject faults, judge the result and write the report."""
    from closeshave.comparison import nights, stored
    from closeshave.conclusion import annotated, beside, conclude, publish
    from closeshave.environments.driver import Permission
    from closeshave.environments.remote.permission import VARIABLE as TOKEN
    from closeshave.live import launching
    from closeshave.live import settings as viewing
    from closeshave.telemetry import settings as telemetry
    from closeshave.telemetry.exporter import exporting
    from closeshave.trial import manned, running
    from closeshave.trial.display import Display
    from closeshave.trial.interrupts import hangup
    from closeshave.trial.outlook import warn

    # A terminal that no program reads must not keep a trial from healing its faults.
    output.hurry()
    voice = Voice(json, quiet)
    trying.noted(context, voice)
    receivers = telemetry.read(metrics_port, metrics_address, otlp, grafana, os.environ)
    place = viewing.read(live_address, live_port, live_certificate, live_key) if live else None
    prepared = trying.prepared(
        context,
        plan,
        attach,
        environment=environment,
        target=target,
        seed=seed,
        processes=processes,
        rate_scale=rate_scale,
        accounts=accounts,
    )
    if against is not None:
        # Said before the trial, not after half an hour.
        stored.load(against)
    if history is not None and history.exists():
        nights.read(history)
    machines = manned.wanted(prepared, expect_workers, workers_address, workers_port, join_file, workers_wait, join_secret)
    prepared = replace(prepared, load_machines=expect_workers or 0)
    store = uploading.store(upload)
    warn(prepared, voice.progress)
    permission = Permission(os.environ.pop(TOKEN, ""), confirm)
    display = Display(voice.progress)
    # A terminal that goes away while the run is judged must not cost its report.
    with hangup() as gone:
        with exporting(receivers, display.say) as exporter, launching.opened(place) as view:
            directory = running.run(
                prepared,
                runs,
                display,
                attach=attach,
                permission=permission,
                on_directory=None
                if view is None
                else partial(launching.told, view, say=display.say, withheld=prepared.definition.secrets.all),
                on_end=gone.trial_is_over,
                exporter=exporter,
                machines=machines,
            )
            with at_hand(directory):
                display.say("judging what was recorded")
                conclusion = conclude(directory)
                exporter.judged(conclusion.assessment.status.value)
        with at_hand(directory):
            trying.told(conclusion, directory, voice)
            voice.last("report", publish(conclusion, beside(conclusion, against, history)))
            hosted.tell(directory / MARKDOWN, lambda: annotated(conclusion))
            code = uploading.copied(store, directory, voice, conclusion.exit_code)
    raise typer.Exit(code)


@app.command(epilog=exits.told())
def validate(
    context: typer.Context,
    plans: Annotated[
        list[str],
        typer.Argument(
            help="Plans to check, with the environments and targets that they name.",
            is_eager=True,
            callback=settings.beside_all,
            autocompletion=options.plans,
        ),
    ],
    environment: options.Environment = None,
    target: options.Target = None,
    seed: options.Seed = None,
    rate_scale: options.RateScale = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check plans without starting anything, and say which promises they test and which they do not."""
    from closeshave.trial import outlook
    from closeshave.trial.preparation import prepare

    voice = Voice(json, quiet)
    problems: list[Problem] = []
    valid: list[Prepared] = []
    trying.noted(context, voice)
    for name in plans:
        try:
            valid.append(
                prepare(name, environment=environment, target=target, seed=seed, rate_scale=rate_scale, taken=settings.taken(context))
            )
        except InvalidFile as error:
            problems += error.problems
    if valid:
        voice.result([outlook.plain(one) for one in valid], (), lambda console: outlook.show_all(valid, console))
    if problems:
        raise InvalidFile(*problems)


@app.command(epilog=exits.told())
def stop(
    directory: Annotated[Path | None, typer.Argument(help="The run directory; may be left out when only one run is active.")] = None,
    runs: options.Runs = options.RUNS,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the run to heal and end.")] = 300.0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Stop a running trial for safety: it heals, cleans up, judges what was recorded and ends with exit code 5."""
    from closeshave.trial import stopping

    run = trying.active(directory, runs)
    try:
        ended = stopping.ask(run, timeout)
    except LookupError as error:
        raise InvalidFile(Problem(str(run), 0, "", str(error))) from None
    still = f"has not ended after {timeout:g} s; it is still stopping; {stopping.last_event(run)}"
    told = f"{run} {'has ended' if ended else still}"
    Voice(json, quiet).result({"run": str(run), "ended": ended}, () if ended else (told,), lines([told]))
    raise typer.Exit(0 if ended else Exit.BROKEN)
