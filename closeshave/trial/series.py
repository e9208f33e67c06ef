"""A series: many trials on one environment, one after the other. A series that was stopped can be continued later.

For everything that needs more than one run: the matrix of planted defects, a gate, a capacity search. The environment is started once. Before each
trial its open faults are healed; if that fails, it is started again. A trial that the harness or the machine disturbed is run again. A file beside
the runs records which trials are done.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter
from rich.console import Console

from closeshave import deployment
from closeshave.conclusion import Conclusion, conclude
from closeshave.deployment import LINK_KINDS, Deployment
from closeshave.drills.catalogue import WAYS_BACK
from closeshave.drills.kind import USES
from closeshave.environments import drivers
from closeshave.environments.definition import read_definition
from closeshave.environments.rollout.starting import KeptInterpreter
from closeshave.faults import janitor, ledger
from closeshave.faults.heal import heal_environment
from closeshave.files import append_line, record_of
from closeshave.files.rundir import NoRun
from closeshave.files.shipped import locate
from closeshave.traffic.keptlogins import KeptLogins
from closeshave.trial import running
from closeshave.trial.display import Display
from closeshave.trial.preparation import Prepared
from closeshave.trial.starting import used_by
from closeshave.vocabulary import BACKGROUND, LIVE, Exit

FILE = "series.jsonl"
"""A file beside the runs of a series, with one line for each finished trial."""
ATTEMPTS_MAX = 3

Act = Callable[[Deployment], None]
"""Called when the environment serves, before any load."""
Sound = Callable[[Conclusion], bool]
"""Whether a run is valid: neither the harness nor the machine disturbed it."""


class SeriesStopped(Exception):
    """The operator stopped the trial."""


@dataclass(frozen=True, slots=True)
class FinishedTrial:
    """A finished trial of a series."""

    key: str
    """The purpose of the trial; unique in the series."""
    run: str
    """The name of its directory below the runs."""
    attempts: int


_CODEC = TypeAdapter(FinishedTrial)


def came_to_an_end(conclusion: Conclusion) -> bool:
    """Whether neither the environment nor the harness failed."""
    return conclusion.exit_code != Exit.BROKEN


@dataclass(slots=True)
class Series:
    """A running environment, and the directory of the runs on it."""

    runs: Path
    console: Console
    environment: str = "embedded"
    """The name of its file."""
    logins: KeptLogins | None = None
    """Where customers stay logged in from one trial to the next; without it they log in before each."""
    unbroken: bool = False
    """Whether none of its trials breaks anything: then the environment is started without what only faults and drills need, Toxiproxy and backups."""
    interpreter: KeptInterpreter = field(default_factory=KeptInterpreter)
    """For rollouts between its trials."""
    steps: tuple[tuple[str, float], ...] = ()
    """The steps of the last trial, each with its beginning (``time.monotonic``, seconds)."""
    root: Path = field(init=False)
    _spoilt: bool = False
    _beside: frozenset[str] = frozenset()
    """What the environment has that only some plans need: workers, live updates."""
    _chosen: Path | None = None

    @property
    def deployed(self) -> Deployment:
        """The deployment of the environment."""
        return deployment.load(self.root)

    def choose(self) -> Path:
        """The root at which the next start puts the environment: known before it, so that somebody can watch over it."""
        definition = read_definition(locate("environments", self.environment))
        self._chosen = drivers.of(definition.kind).place(definition)
        return self._chosen

    def up(self) -> None:
        """Start the environment. Raises :class:`closeshave.environments.errors.EnvironmentFailed`."""
        definition = read_definition(locate("environments", self.environment))
        driver = drivers.of(definition.kind)
        self.root = self._chosen or driver.place(definition)
        extra = () if self.unbroken else USES.keys() - ({BACKGROUND, LIVE} - self._beside)
        needed = driver.narrow(definition, () if self.unbroken else LINK_KINDS, extra)
        driver.up(needed, self.root, Display(self.console).say, not self.unbroken)

    def down(self) -> None:
        """Remove the environment."""
        try:
            self.interpreter.close()
        finally:
            drivers.at(self.root).down(self.root, None)

    def spoil(self) -> None:
        """Note that the environment's state is unknown: the next trial gets a new one."""
        self._spoilt = True

    def mend(self) -> None:
        """Make sure that the environment is healthy for the next trial: heal faults that the last one left open, or start it again."""
        if ledger.unhealed(self.root / ledger.FILE):
            self._spoilt = bool(heal_environment(self.root, Display(self.console).say, WAYS_BACK)) or self._spoilt
        if self._spoilt:
            self.down()
            self.up()
            self._spoilt = False

    def trial(self, prepared: Prepared, before: Act | None = None) -> Conclusion:
        """One trial, judged, on an environment with workers and live updates or without, as its plan needs it. Raises :class:`SeriesStopped`."""
        if (beside := used_by(prepared.plan) & {BACKGROUND, LIVE}) != self._beside:
            self._beside = beside
            self.down()
            self.up()
        display = Display(self.console)
        run = running.run(prepared, self.runs, display, attach=self.root, after_up=before, logins=self.logins)
        self.steps = tuple(display.steps)
        conclusion = conclude(run)
        if conclusion.exit_code == Exit.INTERRUPTED:
            raise SeriesStopped
        self._spoilt = conclusion.exit_code == Exit.BROKEN
        return conclusion

    def once(
        self, key: str, prepared: Prepared, before: Act | None = None, *, sound: Sound = came_to_an_end, attempts_max: int = ATTEMPTS_MAX
    ) -> Conclusion:
        """The trial with this key: its recorded run, else the first valid run, or the last of ``attempts_max``. Raises :class:`SeriesStopped`.

        If the last run is not valid either, it is returned but not recorded, so that the next call runs the trial again.
        """
        if (earlier := self._earlier(key)) is not None:
            return earlier
        for attempt in range(1, attempts_max + 1):
            self.mend()
            conclusion = self.trial(prepared, before)
            if sound(conclusion):
                append_line(self.runs / FILE, asdict(FinishedTrial(key, conclusion.run.name, attempt)), durable=True)
                break
        return conclusion

    def kept(self) -> dict[str, FinishedTrial]:
        """The finished trials by key. A damaged line is ignored."""
        path, found = self.runs / FILE, {}
        for line in path.read_bytes().splitlines() if path.exists() else ():
            with contextlib.suppress(ValueError):
                one = _CODEC.validate_python(record_of(line))
                found[one.key] = one
        return found

    def _earlier(self, key: str) -> Conclusion | None:
        """The recorded run, judged again from its files; ``None`` if they are gone or cannot be judged."""
        known = self.kept().get(key)
        if known is None:
            return None
        try:
            return conclude(self.runs / known.run)
        except NoRun:
            return None


@contextlib.contextmanager
def watched(environment: Series, place: Path) -> Iterator[None]:
    """Start the environment as a trial owns its own: removed afterwards, and by a janitor when the harness no longer gives a sign of life.

    ``place``: a directory for the sign of life, and for logs. Raises :class:`closeshave.environments.errors.EnvironmentFailed`.
    """
    logs = place / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with janitor.Heartbeat(place):
        root = environment.choose()
        remove = (sys.executable, "-m", "closeshave", "env", "down", "--root", str(root), "--logs-to", str(logs))
        guard = janitor.start(place, root, remove)
        try:
            environment.up()
            yield
        finally:
            try:
                environment.down()
            except BaseException:
                guard.leave_to()
                raise
            guard.dismiss()


_Any = TypeVar("_Any", bound=Series)


@contextlib.contextmanager
def on(environment: _Any) -> Iterator[_Any]:
    """Start the environment of a series, and remove it afterwards."""
    try:
        environment.up()
        yield environment
    finally:
        environment.down()
