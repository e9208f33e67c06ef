"""Plans and targets: what is accepted, and what is refused before anything starts."""

import pytest

from closeshave.files.shipped import available, locate
from closeshave.files.yamlfile import InvalidFile, quantity
from closeshave.plan import Expected, read_plan
from closeshave.target import Measure, Objective, read_target

HEAD = """name: p
environment: embedded
target: bookedbarber-smoke
seed: 1
limits: {duration: 2m, requests: 100}
"""
PHASES = """phases:
  - {name: calm, role: calm, duration: 30s, sessions_per_s: 3}
  - {name: broken, role: fault, duration: 30s, sessions_per_s: 3}
"""


def plan(tmp_path, text):
    """A plan file."""
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    return path


def test_a_plan_reads_into_frozen_values(tmp_path):
    """Phases follow one another and a fault knows its experiment."""
    fault = "faults:\n  - {id: a, kind: shard.primary-killed, phase: broken, at: 5s, hold: 10s, expected: recovers, scope: {shard: 1}}\n"
    read = read_plan(plan(tmp_path, HEAD + PHASES + fault))
    assert read.duration_s == 60
    assert read.starts_s("broken") == 30
    assert read.faults[0].expected is Expected.RECOVERS
    assert str(read.faults[0].experiment) == "shard/primary-killed.yaml"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("{id: a, kind: shard.x, phase: calm, at: 5s, hold: 10s, expected: recovers}", "'calm' is a calm phase"),
        (
            "{id: a, kind: shard.x, phase: absent, at: 5s, hold: 10s, expected: recovers}",
            "'absent' is not a phase of this plan; available: calm",
        ),
        ("{id: a, kind: shard.x, phase: broken, at: 25s, hold: 10s, expected: recovers}", "past the end of its phase"),
        ("{id: a, kind: nonsense, phase: broken, at: 5s, hold: 10s, expected: recovers}", "write family.name"),
        ("{id: A b, kind: shard.x, phase: broken, at: 5s, hold: 10s, expected: recovers}", "small letters, digits and dashes"),
        ("{id: a, kind: shard.x, phase: broken, at: 5s, hold: 10s, expected: survives}", "expected"),
        ("{id: a, kind: shard.x, phase: broken, at: 5s, expected: recovers}", "hold: is missing"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_its_line(tmp_path, fault, expected):
    """The error stands at the fault's line and says what would be right."""
    with pytest.raises(InvalidFile) as caught:
        read_plan(plan(tmp_path, f"{HEAD}{PHASES}faults:\n  - {fault}\n"))
    assert "plan.yaml:10" in str(caught.value)
    assert expected in str(caught.value)


def test_phases_longer_than_the_limit_are_refused(tmp_path):
    """A plan states where it stops whatever happens, and its phases must fit."""
    with pytest.raises(InvalidFile, match=r"limits.duration: the phases last 60 s, longer than the limit of 50 s"):
        read_plan(plan(tmp_path, HEAD.replace("2m", "50s") + PHASES))


def test_two_faults_need_two_names(tmp_path):
    """Verdicts are named after faults, so fault IDs differ."""
    fault = "  - {id: a, kind: shard.x, phase: broken, at: 5s, hold: 10s, expected: recovers}\n"
    with pytest.raises(InvalidFile, match="fault IDs must differ"):
        read_plan(plan(tmp_path, f"{HEAD}{PHASES}faults:\n{fault}{fault}"))


@pytest.mark.parametrize(("text", "value"), [("99.99%", 0.9999), ("95 %", 0.95), ("100ms", 0.1), ("5m", 300), (7, 7), ("0.5", 0.5)])
def test_quantities_read_as_people_write_them(text, value):
    """A percentage is a ratio, exactly; a duration is seconds; a number is itself."""
    assert quantity(text) == value


@pytest.mark.parametrize("text", ["", "fast", "10 apples", None, True])
def test_what_is_no_quantity_is_refused(text):
    """The error shows how to write it."""
    with pytest.raises(ValueError, match="is not a quantity"):
        quantity(text)


@pytest.mark.parametrize(
    "arguments",
    [
        {"measure": Measure.AVAILABILITY},
        {"measure": Measure.AVAILABILITY, "at_most": 1.0, "at_least": 0.5},
        {"measure": Measure.LATENCY, "at_most": 0.1},
        {"measure": Measure.AVAILABILITY, "at_least": 0.9, "percentile": 0.95},
        {"measure": Measure.INTEGRITY, "at_most": 0},
    ],
)
def test_an_objective_without_a_meaning_is_refused(arguments):
    """One bound, and a percentile only where there is a distribution."""
    with pytest.raises(ValueError, match=r"give exactly one|need a percentile|takes no bound"):
        Objective(id="x", claims=(), **arguments)


@pytest.mark.parametrize("name", available("scenarios"))
def test_every_shipped_plan_reads(name):
    """What we ship is valid."""
    assert read_plan(locate("scenarios", name)).phases


@pytest.mark.parametrize("name", available("environments/targets"))
def test_every_shipped_target_reads(name):
    """What we ship is valid, and every objective's claims exist."""
    assert read_target(locate("environments/targets", name)).claims


def test_an_unknown_name_lists_what_there_is():
    """A misspelt plan shows the plans there are."""
    with pytest.raises(InvalidFile, match=r"no such file in scenarios/ \(did you mean nightly\?\); available: .*nightly"):
        locate("scenarios", "nightyl")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            HEAD + PHASES + "nemesis: {phase: broken, kinds: [shard.*], every: 1ms, hold: 1s}\n",
            "nemesis.every: asks for 30,000 faults in its phase",
        ),
        (
            HEAD + "phases:\n" + "".join(f"  - {{name: p{at}, role: calm, duration: 1ms, sessions_per_s: 1}}\n" for at in range(1001)),
            "phases: at most 1,000",
        ),
    ],
    ids=["nemesis", "phases"],
)
def test_more_parts_than_anybody_plans_are_refused_at_once(tmp_path, text, says):
    """Each is held against every other: a day of a nemesis that strikes every millisecond was drawn for hours."""
    with pytest.raises(InvalidFile, match=says):
        read_plan(plan(tmp_path, text))


def test_arrivals_that_are_replayed_have_no_automatic_rate(tmp_path):
    """They cannot be scaled; said with the line of the wish."""
    replayed = "phases:\n  - {name: calm, role: calm, duration: 30s, sessions_per_s: 3, shape: {kind: replayed, file: x.txt}}\n"
    with pytest.raises(InvalidFile) as caught:
        read_plan(plan(tmp_path, HEAD + "rate: auto\n" + replayed))
    assert "plan.yaml:6: rate: the arrivals of calm are replayed" in str(caught.value)
    assert "write rate: fixed" in str(caught.value)
    assert read_plan(plan(tmp_path, HEAD + "rate: fixed\n" + replayed)).rate == "fixed"


@pytest.mark.parametrize("name", ["smoke", "nightly", "nemesis", "partition", "two-regions"])
def test_a_shipped_plan_fits_itself_to_the_machine(name):
    """With room to grow for its calm where it may send less."""
    read = read_plan(locate("scenarios", name))
    assert read.rate == "auto"
    assert read.limits.duration - read.duration_s >= 0.5 * read.calm_s


@pytest.mark.parametrize(("lengths", "fits"), [((1.0, 2.0), True), ((1.0,), False), ((1.0, 2.0, 3.0), False)])
def test_lengths_are_those_of_all_phases_or_of_none(tmp_path, lengths, fits):
    """A record of other phases is not laid over a plan."""
    read = read_plan(plan(tmp_path, HEAD + PHASES))
    if fits:
        assert [phase.duration for phase in read.lasting(lengths).phases] == [*lengths]
    else:
        with pytest.raises(ValueError, match="zip"):
            read.lasting(lengths)
