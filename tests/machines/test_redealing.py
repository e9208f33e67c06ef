"""A lost machine's share is dealt again: no arrival is sent twice and none is unaccounted for, whoever is lost, whenever, and whoever is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.files.yamlfile import InvalidFile
from closeshave.machines.dealing import DealtShare, again, deal
from closeshave.machines.reckoning import ArrivalCounts, BlindTime, dealt_anew, reckon, with_told
from closeshave.plan import read_plan
from closeshave.traffic import redealing
from closeshave.traffic.redealing import Redeal, Redeals, dealt, owners

S = 1_000_000_000
LASTS_NS = 60 * S


@dataclass(frozen=True, slots=True)
class Losses:
    """A load over some machines, of which some are lost, one after the other."""

    at_ns: npt.NDArray[np.int64]
    shares: tuple[DealtShare, ...]
    steps: Redeals

    @property
    def among(self) -> int:
        """The number of processes."""
        return self.shares[0].among


@st.composite
def losses(draw: st.DrawFn) -> Losses:
    """Several arrivals may be due at one instant, and at the very instant from which a share is dealt again."""
    second = st.integers(0, 60).map(lambda at_s: at_s * S)
    at = draw(st.lists(second | st.integers(0, LASTS_NS), max_size=80).map(sorted))
    shares = deal({f"m{index}": count for index, count in enumerate(draw(st.lists(st.integers(1, 3), min_size=1, max_size=5)))})
    left, steps = list(shares), list[Redeal]()
    for lost in draw(st.permutations(shares))[: draw(st.integers(0, len(shares)))]:
        left.remove(lost)
        step = again(lost, left, draw(second), LASTS_NS)
        if step is not None:
            steps.append(step)
    return Losses(np.array(at, dtype=np.int64), shares, tuple(steps))


@given(losses())
def test_every_arrival_belongs_to_one_process_whoever_is_lost(case: Losses) -> None:
    """The shares of all processes together are the load, each arrival once."""
    mine = [dealt(case.at_ns, index, case.among, case.steps) for index in range(case.among)]
    assert sorted(np.concatenate(mine).tolist()) == list(range(len(case.at_ns)))
    assert all(np.all(np.diff(numbers) > 0) for numbers in mine)


@given(losses())
def test_a_step_moves_what_is_due_from_its_instant_on_and_nothing_else(case: Losses) -> None:
    """What is due before it stays with whoever was lost; what the others had, they keep; and the parts differ by one at most."""
    for number, step in enumerate(case.steps):
        before, after = (owners(case.at_ns, case.among, case.steps[:steps]) for steps in (number, number + 1))
        due = (case.at_ns >= step.from_ns) & np.isin(before, step.lost)
        assert np.array_equal(before[~due], after[~due])
        assert set(after[due].tolist()) <= set(step.left)
        parts = [int((after[due] == index).sum()) for index in step.left]
        assert max(parts) - min(parts) <= 1


@given(losses(), st.data())
def test_nothing_is_sent_twice_and_all_is_accounted_for_whoever_is_told(case: Losses, data: st.DataObject) -> None:
    """Each process knows some of the steps, was granted what is due before its own share was dealt again, and began some of what it may begin."""
    sent, total = list[int](), ArrivalCounts()
    for index in range(case.among):
        bound_ns = min((step.from_ns for step in case.steps if index in step.lost), default=LASTS_NS + 1)
        granted_ns = data.draw(st.integers(0, bound_ns))
        knew = data.draw(st.integers(0, len(case.steps)))
        closed_ns = data.draw(st.integers(0, LASTS_NS))
        share = dealt(case.at_ns, index, case.among, case.steps[:knew])
        may = share[(case.at_ns[share] < granted_ns) & (case.at_ns[share] <= closed_ns)]
        # In the order of arrival, but for those it took over late: any of them.
        begun = [number for number in may.tolist() if data.draw(st.booleans())]
        recorded = np.array([number for number in begun if data.draw(st.booleans())], dtype=np.int64)
        blind = [BlindTime(closed_ns + 1, 2**62)]
        told_late = int((case.at_ns[share] <= closed_ns).sum()) - len(begun)
        found = reckon(case.at_ns, dealt(case.at_ns, index, case.among, case.steps), recorded, blind)
        seen = reckon(case.at_ns, share, recorded, blind)
        counts, contradiction = with_told(seen, len(begun), told_late)
        assert contradiction == ""
        counts = dealt_anew(counts, seen, found)
        assert counts.reconciled
        assert counts.sent == len(begun)
        assert counts.late >= 0
        sent += begun
        total += counts
    assert len(sent) == len(set(sent))
    assert total.intended == len(case.at_ns)


@given(losses())
def test_what_was_begun_beyond_the_instant_is_found(case: Losses) -> None:
    """A machine that sent what was dealt to others is not believed, whatever it says."""
    for step in case.steps:
        before = owners(case.at_ns, case.among, case.steps[: case.steps.index(step)])
        moved = np.flatnonzero((case.at_ns >= step.from_ns) & np.isin(before, step.lost))
        for number in moved[:3].tolist():
            index = int(before[number])
            found = reckon(case.at_ns, dealt(case.at_ns, index, case.among, case.steps), np.array([number]), [])
            assert not found.reconciled


def test_nobody_is_left_or_nothing_is_due() -> None:
    """Then there is no step, and the share stays what it was."""
    one, other = deal({"a": 1, "b": 2})
    assert again(one, [], S, LASTS_NS) is None
    assert again(one, [other], LASTS_NS, LASTS_NS) is None
    assert again(one, [other], LASTS_NS - 1, LASTS_NS) == Redeal(LASTS_NS - 1, (0,), (1, 2))


def test_the_steps_as_a_file(tmp_path: Path) -> None:
    """What a sender reads is what was written; no file means no step, and another file is an error."""
    path, steps = tmp_path / "redeals.json", (Redeal(S, (0,), (1, 2)), Redeal(2 * S, (1,), (2,)))
    assert redealing.read(path) == ()
    redealing.save(path, steps)
    assert redealing.read(path) == steps
    path.write_text('[{"from_ns": 1, "lost": [], "left": [1]}]')
    with pytest.raises(ValueError, match="lost"):
        redealing.read(path)


def test_a_plan_of_the_closed_model_cannot_ask_for_it(tmp_path: Path) -> None:
    """Nobody arrives in it: refused with the file, before anything starts; in the open model it is a plan."""
    every = (Path(__file__).parents[2] / "docs" / "examples" / "every-key" / "plan.yaml").read_text(encoding="utf-8")
    assert "  redeal: false\n" in every
    assert "model: closed, users: 50," in every
    wrong = every.replace("  redeal: false\n", "  redeal: true\n")
    (tmp_path / "closed.yaml").write_text(wrong)
    with pytest.raises(InvalidFile, match="redeal is for the open model: in the closed one nobody arrives"):
        read_plan(tmp_path / "closed.yaml")
    (tmp_path / "open.yaml").write_text(wrong.replace("model: closed, users: 50,", "model: open,"))
    assert read_plan(tmp_path / "open.yaml").traffic.redeal
