"""Carrying out what is missing or stale: each environment once, its probes last, and a run that ends is kept whatever comes after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from closeshave.environments.errors import EnvironmentFailed
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile
from closeshave.probes import carrying as probing
from closeshave.probes import record
from closeshave.readiness import carrying
from closeshave.readiness.carrying import WorkPlaces, carry_out, listed
from closeshave.readiness.due import due
from closeshave.target import Target, read_target
from closeshave.trial.series import SeriesStopped


def shipped(name: str) -> Target:
    """A target that ships."""
    return read_target(locate("environments/targets", name))


@pytest.fixture
def said(work: object, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens to environments that are not there, in order."""
    assert work, "plans are read before anything is replaced"
    happened: list[str] = []

    class Serving:
        """A series that only says what it does."""

        def __init__(self, _runs: Path, _console: Console, environment: str) -> None:
            self.environment, self.root = Path(environment).stem, Path("root")

        def mend(self) -> None:
            happened.append("mend")

        def trial(self, prepared: Any) -> Any:
            happened.append(f"trial of {prepared}")
            if prepared == stops["at"]:
                raise stops["with"]
            return prepared

    @contextmanager
    def watched(series: Serving, _place: Path) -> Iterator[None]:
        happened.append(f"up {series.environment}")
        try:
            yield
        finally:
            happened.append(f"down {series.environment}")

    def probed(question: Any, _rounds: Path, attach: Path, *_: Any, strain: bool) -> None:
        happened.append(f"probes of {question.definition.name} at {attach}, strained: {strain}")

    stops.clear()
    stops.update({"at": "", "with": SeriesStopped()})
    monkeypatch.setattr(carrying, "Series", Serving)
    monkeypatch.setattr(carrying, "watched", watched)
    monkeypatch.setattr(carrying, "prepare", lambda name, **_: name)
    monkeypatch.setattr(carrying, "publish", lambda one: happened.append(f"published {one}"))
    monkeypatch.setattr(probing, "carry_out", probed)
    monkeypatch.setattr(probing, "question", lambda where, *_: SimpleNamespace(definition=SimpleNamespace(name=Path(where).stem)))
    return happened


stops: dict[str, Any] = {}
"""At which trial something stops the series, and what."""


@pytest.fixture(scope="module")
def work() -> dict[str, carrying.ListedWork]:
    """What the launch of BarberPro has, each plan on its own environment and all on one; read before anything is replaced."""
    target = shipped("barberpro-argentina")
    return {place or "": listed(target, "barberpro-argentina", place) for place in (None, "embedded-argentina")}


def carried_out(tmp_path: Path, listed_work: carrying.ListedWork) -> None:
    """All of it, as if there were no run."""
    places = WorkPlaces(tmp_path / "runs", tmp_path / "rounds", tmp_path / "beside")
    carry_out(due(listed_work.work, ()), "barberpro-argentina", places, Console(file=StringIO()), lambda _: None)


def test_a_target_lists_its_plans_in_its_order_and_a_round_of_its_probes(work: dict[str, carrying.ListedWork]) -> None:
    """Each on the environment that it names."""
    found = work[""].work
    assert [one.called for one in found] == [*shipped("barberpro-argentina").plans, record.NAME]
    assert {one.environment for one in found} == {"embedded-argentina", "embedded-tls"}
    assert found[-1].environment == found[0].environment
    assert all(one.lasts_s > 60 for one in found)


def test_a_plan_that_cannot_run_on_the_named_environment_is_left_out_and_said() -> None:
    """A drill of certificates needs edges with HTTPS, for example. The promises that it alone tests stay not run."""
    found = listed(shipped("bookedbarber-enterprise"), "bookedbarber-enterprise", "embedded-enterprise")
    assert "migrations" not in {one.called for one in found.work}
    (unfit,) = found.unfit
    assert unfit.startswith("migrations cannot run on embedded-enterprise: ")
    assert {one.environment for one in found.work} == {"embedded-enterprise"}


def test_a_platform_is_not_loaded_by_the_way() -> None:
    """A person permits each run there."""
    with pytest.raises(InvalidFile, match="'closeshave run' and 'closeshave probe' ask for permission"):
        listed(shipped("barberpro-argentina"), "barberpro-argentina", "barberpro-argentina")


def test_a_target_without_a_plan_at_hand_is_refused() -> None:
    """There is nothing to carry out, and nobody may take that for done."""
    nothing = Target("nobody's", "A target", (), ())
    with pytest.raises(InvalidFile, match="names nobody's"):
        listed(nothing, "nobodys.yaml", None)


def test_each_environment_is_started_once_and_probed_after_its_trials(
    said: list[str], work: dict[str, carrying.ListedWork], tmp_path: Path
) -> None:
    """Before each trial the environment is mended, and each run has its page."""
    carried_out(tmp_path, work[""])
    plans = [name for name in shipped("barberpro-argentina").plans if name != "files"]
    trials = [word for name in plans for word in ("mend", f"trial of {name}", f"published {name}")]
    probes = ["mend", "probes of embedded-argentina at root, strained: True"]
    others = ["up embedded-tls", "mend", "trial of files", "published files", "down embedded-tls"]
    assert said == ["up embedded-argentina", *trials, *probes, "down embedded-argentina", *others]


@pytest.mark.parametrize("error", [SeriesStopped(), EnvironmentFailed("no disk")])
def test_what_ended_before_an_interruption_is_kept(
    error: Exception, said: list[str], work: dict[str, carrying.ListedWork], tmp_path: Path
) -> None:
    """Its run is published, the environment is removed, and nothing more is started."""
    stops.update({"at": "launch-minus-2h", "with": error})
    with pytest.raises(type(error)):
        carried_out(tmp_path, work["embedded-argentina"])
    assert said == [
        "up embedded-argentina",
        *("mend", "trial of prelaunch", "published prelaunch"),
        *("mend", "trial of launch-minus-2h"),
        "down embedded-argentina",
    ]
