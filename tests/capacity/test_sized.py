"""A sized machine as JSON, read again; as lines; and as a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from closeshave.capacity import sized, sizes
from closeshave.capacity.interval import Interval
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile
from closeshave.target import read_target
from tests.capacity.machines import MACHINE, machine, paced
from tests.claims.made import target

ROOT = Path(__file__).parents[2]
ENTERPRISE = read_target(locate("environments/targets", "bookedbarber-enterprise"))


def written(place: Path, **changed: object) -> Path:
    """A file that ``doctor --load --json`` wrote; with other text where it says so."""
    text = json.dumps(sized.told(sized.sized(MACHINE, ENTERPRISE)), indent=1)
    for before, after in changed.items():
        assert f'"{before}"' in text
        text = text.replace(f'"{before}"', str(after), 1)
    path = place / "machine.json"
    path.write_text(text)
    return path


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    """Exactly, also what is very small."""
    assert sized.read(written(tmp_path)) == MACHINE
    tiny = machine(paced=paced((1e-7, 1e-9)))
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(sized.told(sized.sized(tiny, ENTERPRISE))))
    assert sized.read(path) == tiny


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("processors", '"prozessors"', "machine.json:10: machine.allowed.prozessors: unknown key (did you mean processors?)"),
        ("processors", '"processors": 0, "more"', "machine.allowed"),
        ("closeshave.sized/1", '"closeshave.sized/2"', "schema"),
        ("compiled", '"a\\nb"', "engine"),
        ("ports", '"ports": 70000, "x"', "ports"),
        ("memory_bytes", '"memory_bytes": -1, "x"', "memory_bytes"),
        ("processors", '"processors": .nan, "x"', "processors"),
        ("per_core_per_s", '"per_core_per_s": {"low": 3, "point": 2, "high": 1}, "x"', "low ≤ point ≤ high"),
        ("sent", '"sent": 1.5, "x"', "sent"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_key(tmp_path: Path, before: str, after: str, told: str) -> None:
    """And never half read."""
    with pytest.raises(InvalidFile) as error:
        sized.read(written(tmp_path, **{before: after}))
    assert told in str(error.value)
    assert "machine.json" in str(error.value)


def test_levels_out_of_order_are_refused(tmp_path: Path) -> None:
    """The first one that is late ends what counts."""
    plain = sized.told(sized.sized(MACHINE, ENTERPRISE))
    plain["machine"]["paced"]["levels"].reverse()
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(plain))
    with pytest.raises(InvalidFile, match=r"machine\.paced: .*ascend"):
        sized.read(path)


@pytest.mark.parametrize("text", ["", "[]", "{", "{}", "machine: 4", "\x00"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    """With the file's name."""
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(InvalidFile, match=r"other\.json"):
        sized.read(path)
    with pytest.raises(InvalidFile, match=r"none\.json"):
        sized.read(tmp_path / "none.json")


def test_a_target_that_promises_neither_is_refused() -> None:
    """There is nothing to size."""
    with pytest.raises(InvalidFile, match="shop promises neither users nor requests/s"):
        sized.asking(target(A={"rto": 60.0}), "shop")
    assert sized.asking(ENTERPRISE, "it") is ENTERPRISE


def test_lines_say_what_is_supported_and_what_is_not() -> None:
    """E02 is, with this machine; E01 sends more than 2.5 times what it was measured at."""
    found = sized.sized(MACHINE, ENTERPRISE)
    text = "\n".join(sizes.lines(found))
    assert not found.supported
    assert "extrapolated to 100,000/s, claimed 140,845/s, not supported" in text
    assert "What follows is for 71 % of it, and for no more" in text
    assert "A machine that is measured at 56,339/s or more would support it" in text
    assert "extrapolated to 100,000/s, claimed 100,000/s, supported" in text
    assert "2 workers, as fast as possible" in text
    assert "5 % (2 workers)" in text
    assert "not measured: 4 workers: only 2 processors may be used here" in text
    assert "memory, if every user keeps a connection" in text
    assert [*sized.brief(found)] == ["E01: extrapolated to 100,000/s, claimed 140,845/s, not supported", "E02: 1 load machine"]


def test_an_unknown_is_a_word() -> None:
    """And no zero."""
    found = sized.sized(machine(paced=paced((10, 99))), ENTERPRISE)
    assert found.on_time is None
    assert "unknown, because even at its lowest rate this machine was not on time" in "\n".join(sizes.lines(found))
    assert all(each.startswith(("E01: unknown: even at", "E02: unknown: even at")) for each in sized.brief(found))


def test_the_page_has_a_table_for_every_demand_and_text_is_no_markdown() -> None:
    """A promise is data."""
    wild = target(A={"requests_per_s": 10.0}, B={"users": 5}, assumes={"think_time": 5.0})
    text = sizes.page(sized.sized(machine(processor="<b>|`x`"), wild))
    assert text.count("| what it takes | how much | how it was calculated |") == 2
    assert "\\<b\\>\\|\\`x\\`" in text
    assert text.endswith("|\n")


@pytest.mark.parametrize(
    ("figure", "unit", "text"),
    [
        (Interval.exact(3), "count", "3"),
        (Interval(1, 2, 3), "count", "2 (1 to 3)"),
        (Interval(1.0001, 1.0002, 1.0003), "count", "1"),
        (Interval.exact(3 << 30), "bytes", "3 GiB"),
        (Interval(512, 1024, 2048), "bytes", "1 (0.5 to 2) KiB"),
        (Interval.exact(0), "bytes", "0 bytes"),
        (Interval.exact(168e6), "bit/s", "168 Mbit/s"),
        (Interval.exact(1.3e9), "bit/s", "1.3 Gbit/s"),
    ],
)
def test_figures_are_told_in_the_unit_that_fits(figure: Interval, unit: str, text: str) -> None:
    """With their interval where it can be seen."""
    assert sizes.amount(figure, unit) == text


def test_the_page_of_the_documentation_is_made_from_its_measurement() -> None:
    """Nobody wrote a figure of it by hand: it is what the measurement beside it and the target give."""
    machine_file = ROOT / "reports" / "load-machine.json"
    assert sizes.page(sized.sized(sized.read(machine_file), ENTERPRISE)) == (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
