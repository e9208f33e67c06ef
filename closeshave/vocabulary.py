"""The words by which processes and versions of the harness understand each other: marks, endings, exit codes, files of a run, environment variables.

They stand in files that outlive the process which wrote them, so a word that was written once keeps its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum


class MarkKind(StrEnum):
    """Marks on the timeline of a run, beside the lives of faults and the platform's own signals."""

    PHASE_STARTED = "phase-started"
    """Detail: the phase."""
    SENDER_PRIORITY = "precedence"
    """Detail: which generator, and what its senders were given."""
    PART_MISSING = "part-missing"
    """Detail: ``part: why``; what needs the part is not run, or inconclusive."""
    FAULT_SKIPPED = "fault-skipped"
    """Detail: the fault's ID, as with the next two."""
    FAULT_NOT_OBSERVED = "fault-not-observed"
    FAULT_ENDED_EARLY = "fault-ended-early"
    HEAL_CHECK_WORTHLESS = "heal-check-worthless"
    """Detail: ``fault: why``."""
    HEAL_UNPROVEN = "heal-unproven"
    GENERATOR_DIED = "generator-died"
    ENVIRONMENT_LOST = "environment-lost"
    """The instant from which answers are no evidence: soon after, all of the environment had ended, by no fault."""
    HARNESS_ERROR = "harness-error"
    LEFT_BEHIND = "left-behind"
    ABORT = "abort"
    NOTE = "note"


class SignalKind(StrEnum):
    """The platform's own words, as they are read from its logs and alerts."""

    SUSPECTED = "suspected"
    """A part was noticed missing."""
    PROMOTED = "promoted"
    """There is a new primary."""
    DEMOTED = "demoted"
    """Decided, begun or done."""
    STOPPED = "stopped"
    """A server has ended its last session."""
    ALERT = "alert"


class Ending(StrEnum):
    """Why a run ended before its end; the one word of :data:`ENDING`."""

    INTERRUPTED = "interrupted"
    SAFETY = "safety"
    ENVIRONMENT = "environment"


class Exit(IntEnum):
    """What a command ends with. When several apply: 130 > 5 > 4 > 1 > 3."""

    PASS = 0
    """Pass; of other commands than those that judge: done."""
    FAIL = 1
    """Fail: an objective, a recovery or an invariant did not hold. Only the judges cause this code."""
    USAGE = 2
    """An option, a plan or another file is wrong; nothing was started."""
    INCONCLUSIVE = 3
    """Inconclusive: at least one verdict could not be decided."""
    BROKEN = 4
    """The environment or the harness failed."""
    SAFETY = 5
    """The trial stopped itself for safety, or ``closeshave stop`` stopped it."""
    INTERRUPTED = 130
    """The operator interrupted it (Ctrl-C)."""


EXIT_OF: Mapping[Ending, Exit] = {
    Ending.INTERRUPTED: Exit.INTERRUPTED,
    Ending.SAFETY: Exit.SAFETY,
    Ending.ENVIRONMENT: Exit.BROKEN,
}

# -- files of a run directory ------------------------------------------------------------------------------------------------------------------

PLAN, TARGET, ENVIRONMENT = "plan.yaml", "target.yaml", "environment.yaml"
"""As the user wrote them."""
MANIFEST, TIMELINE = "manifest.json", "timeline.jsonl"
SENT, EDGE_COUNTS, BLIND = "sent.jsonl", "edges.json", "blind.json"
OPERATIONS_FILE, EFFECTS_FILE, ODD_EFFECTS = "operations.parquet", "effects.parquet", "effects-odd.jsonl"
"""The last holds effects that do not fit the columns of their table, as they were recorded."""
BOOKINGS_FILE, CAPTURES_FILE = "final_state/bookings.parquet", "final_state/captures.parquet"
CACHE_ENTRIES_FILE, PLACEMENTS_FILE = "final_state/cache_entries.parquet", "final_state/placements.parquet"
DIVERGED_FILE = "final_state/diverged.parquet"
RESOURCES_FILE = "resources.parquet"
"""What the machine and every group of processes used, about once a second."""
DESCRIPTION = "environment.json"
"""The machine, the programs and the environment."""
NEMESIS, CALIBRATION = "nemesis.json", "calibration.json"
ENDING = "ending"
"""One word of :class:`Ending` when a run did not end by itself."""
STOP = "stop"
"""The operator asked for the stop."""
RERUN = "rerun.sh"
SUMMARY, JUNIT, MARKDOWN, PAGE, CHARTS = "summary.json", "junit.xml", "summary.md", "report.html", "charts"
LOGS, SPOOL, FINAL_STATE = "logs", "spool", "final_state"
"""Directories; the second is for what senders and the sampler write while they run."""
HARNESS_ERROR = "harness-error.log"
"""In the logs: the traceback of what nobody foresaw."""

# -- environment variables ---------------------------------------------------------------------------------------------------------------------

RUN_VARIABLE = "CLOSESHAVE_RUN_ID"
"""Every process that the harness itself starts carries the run's ID in it, so that the janitor finds it."""
ENVIRONMENT_VARIABLE = "CLOSESHAVE_ENVIRONMENT_ID"
"""Every process of an environment carries the environment's ID in it: the last resort of a sweep."""
TOKEN_VARIABLE = "CLOSESHAVE_TOKEN"  # noqa: S105 - the name of a variable
"""The permission to load production: the command's alone."""
LOAD_VARIABLE = "CLOSESHAVE_LOAD"
"""Tells a Locust process where ``load.json`` is."""
STATE_VARIABLE = "CLOSESHAVE_STATE_DIR"
"""Another directory than the user's own for what is known of running environments."""
SUBSTITUTE_VARIABLE = "CLOSESHAVE_ALTERED"
"""Holds the name of the deployment's process whose place a process takes, or of a fault's helper."""
OPERATIONS_VARIABLE = "CLOSESHAVE_OPERATIONS"
"""Names a JSON file: what an operator tells a process of the platform while it runs. The file may be absent."""
OVERRIDES_VARIABLE = "CLOSESHAVE_SETTINGS_OVERRIDES"
"""Holds a JSON object: settings of an application process that differ from its file's, as another release would bring them."""
STANDIN_VARIABLE = "CLOSESHAVE_STANDIN_SETTINGS"
"""Holds the settings of a process of the stand-in."""
WORKERS_VARIABLE = "CLOSESHAVE_WORKERS"
"""How many Locust workers there are, where ``--processes`` does not say it."""
