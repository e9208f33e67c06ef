"""Names that processes and versions of the harness share: marks, endings, exit codes, files of a run, environment variables.

They are stored in files, so a name that was once written must keep its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum


class MarkKind(StrEnum):
    """Marks on the timeline of a run, in addition to the edges of faults and the platform's own signals."""

    PHASE_STARTED = "phase-started"
    """Detail: the phase."""
    SENDER_PRIORITY = "precedence"
    """Detail: the generator, and the priority of its senders."""
    PART_MISSING = "part-missing"
    """Detail: ``part: why``; verdicts that need the part are not run, or inconclusive."""
    FAULT_SKIPPED = "fault-skipped"
    """Detail: ``fault: why``, or the fault's ID alone: an earlier one was not healed in time."""
    FAULT_NOT_OBSERVED = "fault-not-observed"
    """Detail: ``fault: not observed within 5 s; the probe last saw: what``, or the fault's ID alone, as with the next one."""
    FAULT_ENDED_EARLY = "fault-ended-early"
    HEAL_CHECK_WORTHLESS = "heal-check-worthless"
    """Detail: ``fault: why``."""
    HEALING_BEGUN = "healing-begun"
    """Detail: the fault's ID. For whoever watches: the edge *healed* has the same instant, but can be written only when the repair has been made."""
    HEAL_UNPROVEN = "heal-unproven"
    GENERATOR_DIED = "generator-died"
    ENVIRONMENT_LOST = "environment-lost"
    """The instant from which answers are no evidence: soon after, the whole environment had ended, and not because of a fault."""
    HARNESS_ERROR = "harness-error"
    LEFT_BEHIND = "left-behind"
    ABORT = "abort"
    PROBED = "probed"
    """Detail: ``NAME: what it saw``, of a probe of an installed package; noted whenever that changes."""
    NOTE = "note"


TASKS = "tasks"
"""The missing part of a run in which tasks of a user's own Locust file raised errors."""
OWN_PROBE = "canary_task"
"""The kind of operation of a canary that runs a task of a user's own Locust file."""


class SignalKind(StrEnum):
    """The platform's own signals, read from its logs and alerts."""

    SUSPECTED = "suspected"
    """The platform noticed that a part is missing."""
    PROMOTED = "promoted"
    """There is a new primary."""
    DEMOTED = "demoted"
    """A demotion was decided, begun or done."""
    STOPPED = "stopped"
    """A server has ended its last session."""
    ALERT = "alert"


class Ending(StrEnum):
    """Why a run ended early; the word in the file :data:`ENDING`."""

    INTERRUPTED = "interrupted"
    SAFETY = "safety"
    ENVIRONMENT = "environment"


class Exit(IntEnum):
    """The exit code of a command. When several apply: 130 > 5 > 4 > 1 > 3."""

    PASS = 0
    """Pass; of other commands than those that judge: done."""
    FAIL = 1
    """Fail: an objective, a recovery or an invariant did not hold; of lint-claims: promises contradict each other. Only the judges and this arithmetic
    cause this code."""
    USAGE = 2
    """An option, a plan or another file is wrong; nothing was started."""
    INCONCLUSIVE = 3
    """Inconclusive: at least one verdict could not be decided."""
    BROKEN = 4
    """The environment or the harness failed, or something that was asked for is not so: a part is down, a fault is not proven healed."""
    SAFETY = 5
    """The trial stopped itself for safety, or ``closeshave stop`` stopped it."""
    INTERRUPTED = 130
    """The operator interrupted it (Ctrl-C)."""


EXIT_OF: Mapping[Ending, Exit] = {
    Ending.INTERRUPTED: Exit.INTERRUPTED,
    Ending.SAFETY: Exit.SAFETY,
    Ending.ENVIRONMENT: Exit.BROKEN,
}

BACKGROUND = "background work"
"""What an environment has that has workers, a broker, and a query for the jobs between them; some faults and drills need it."""

LIVE = "live updates"
"""What an environment has whose application tells customers of their bookings by WebSocket; some faults need it."""


class PersonRole(StrEnum):
    """What a person does in a game day."""

    FACILITATOR = "facilitator"
    """Holds the clock: begins, holds, skips and stops."""
    RESPONDER = "responder"
    """Works on the incident, and says when it was noticed, acknowledged, understood, mitigated and resolved."""
    SCRIBE = "scribe"
    """Writes down what happens."""
    OBSERVER = "observer"
    """Looks on."""


class HumanMark(StrEnum):
    """What people say of an incident, in the usual order."""

    NOTICED = "noticed"
    """Somebody saw that something is wrong."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody is responsible for it now."""
    CAUSE_FOUND = "cause-found"
    """Somebody said why."""
    MITIGATED = "mitigated"
    """Customers are harmed less, or not any more."""
    RESOLVED = "resolved"
    """It is over."""


class IncidentSeverity(StrEnum):
    """How much an incident harms customers, the worst first."""

    CRITICAL = "critical"
    """At least 10% of all customers' requests were not good in the worst minute."""
    HIGH = "high"
    """At least 1%."""
    MEDIUM = "medium"
    """At least 0.1%."""
    LOW = "low"
    """Fewer."""


SEVERITIES = ("critical", "high", "medium", "low")
"""Of an alert, by its label ``severity``; the gravest first."""
CATEGORIES = ("infrastructure", "application", "database", "business", "security")
"""Of an alert, by its label ``category``."""
WATCHDOG = "Watchdog"
"""The alert that always fires: while it arrives, alerts can arrive."""
ALERTS = "alerts"
"""What an environment has whose monitoring tells the harness of alerts; some plans need it."""

# -- files of a run directory ------------------------------------------------------------------------------------------------------------------

PLAN, TARGET, ENVIRONMENT = "plan.yaml", "target.yaml", "environment.yaml"
"""Copies of the user's files."""
MANIFEST, TIMELINE = "manifest.json", "timeline.jsonl"
SENT, EDGE_COUNTS, BLIND = "sent.jsonl", "edges.json", "blind.json"
LOAD_MACHINES = "load-machines.json"
"""What each load machine sent, where others than that of the run sent the customers' requests."""
OPERATIONS_FILE, EFFECTS_FILE, ODD_EFFECTS = "operations.parquet", "effects.parquet", "effects-odd.jsonl"
"""The last file holds effects that do not fit the columns of their table, as they were recorded."""
BOOKINGS_FILE, CAPTURES_FILE = "final_state/bookings.parquet", "final_state/captures.parquet"
CACHE_ENTRIES_FILE, PLACEMENTS_FILE = "final_state/cache_entries.parquet", "final_state/placements.parquet"
UPDATES_FILE = "updates.parquet"
"""What followers of live updates were told, and when they were connected."""
DIVERGED_FILE, JOBS_FILE = "final_state/diverged.parquet", "final_state/jobs.parquet"
DRILLS, RESTORED = "drills", "bookings.parquet"
"""The directory of what drills keep, a directory each; there, the bookings of a restored database."""
ALERTS_FILE, ALERT_RULES_FILE = "alerts.jsonl", "alert-rules.json"
"""Every alert that was told, in the order in which it came; the rules that the engine had."""
RESOURCES_FILE = "resources.parquet"
"""What the machine and every group of processes used, about once a second."""
DESCRIPTION = "environment.json"
"""Description of the machine, the programs and the environment."""
ROUNDS = "rounds"
"""The directory of rounds of probes that were asked while the load ran, a directory each."""
GAME_DAY = "gameday"
"""The directory of a game day: presses, the state, the chain of events, the report about people."""
PROBE_KEY = "probe_"
"""What the idempotency keys of bookings begin with that probes make: no customer's, and cancelled again."""
NEMESIS, CALIBRATION = "nemesis.json", "calibration.json"
ENDING = "ending"
"""Holds one word of :class:`Ending` if the run ended early."""
STOP = "stop"
"""Exists if the operator requested the stop."""
RERUN = "rerun.sh"
OPTIONS = "options.json"
"""Which options were set, and where: on the command line, by a variable, in ``closeshave.toml``."""
SUMMARY, JUNIT, MARKDOWN, PAGE, CHARTS = "summary.json", "junit.xml", "summary.md", "report.html", "charts"
CODE_QUALITY = "gl-code-quality-report.json"
"""As GitLab's own documentation calls it."""
BENCHER = "bencher.json"
"""In the Bencher Metric Format."""
LOGS, SPOOL, FINAL_STATE = "logs", "spool", "final_state"
"""Directories; the second is for files that senders and the sampler write while they run."""
HARNESS_ERROR = "harness-error.log"
"""In the logs: the traceback of an unexpected error."""

# -- environment variables ---------------------------------------------------------------------------------------------------------------------

OPTION_PREFIX = "CLOSESHAVE"
"""Of the variable of an option: ``CLOSESHAVE_RUN_SEED`` is ``--seed`` of ``closeshave run``. No other variable below is the variable of an option."""
RUN_VARIABLE = "CLOSESHAVE_RUN_ID"
"""Holds the run's ID in every process that the harness starts, so that the janitor finds it."""
ENVIRONMENT_VARIABLE = "CLOSESHAVE_ENVIRONMENT_ID"
"""Holds the environment's ID in every process of an environment, so that clean-up finds it even without a record."""
TOKEN_VARIABLE = "CLOSESHAVE_TOKEN"  # noqa: S105 - the name of a variable
"""Holds the permission to load production; only the command itself gets it."""
LOAD_VARIABLE = "CLOSESHAVE_LOAD"
"""Holds the path of ``load.json`` for a Locust process."""
STARTER_VARIABLE = "CLOSESHAVE_STARTER"
"""Holds the process ID of who started a Locust process: it ends if that process has ended before its load is known."""
STATE_VARIABLE = "CLOSESHAVE_STATE_DIR"
"""Holds another directory than the default for the state of environments."""
SUBSTITUTE_VARIABLE = "CLOSESHAVE_SUBSTITUTE"
"""Holds the name of the deployment's process that this process replaces, or the name of a fault's helper."""
WORKERS_VARIABLE = "CLOSESHAVE_WORKERS"
"""The number of Locust workers, if ``--processes`` does not give it."""

# -- evidence ----------------------------------------------------------------------------------------------------------------------------------


class EvidenceGrade(StrEnum):
    """What a run can show, the weakest first: it depends on the application that was running, and on where."""

    REHEARSED = "rehearsed"
    """The application was a stand-in, by its own declaration: the run shows that the test works."""
    MEASURED = "measured"
    """A real application ran on the harness's own parts."""
    VERIFIED = "verified"
    """The platform itself, where it runs."""


EVIDENCE_WORDS: Mapping[EvidenceGrade, str] = {
    EvidenceGrade.REHEARSED: "rehearsed",
    EvidenceGrade.MEASURED: "measured in our environment",
    EvidenceGrade.VERIFIED: "verified",
}
"""How each is printed."""
