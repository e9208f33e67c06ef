"""How the rate changes within a phase, and what a plan may state about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.files.yamlfile import InvalidFile
from closeshave.plan import Plan, read_plan
from closeshave.shapes import DiurnalShape, RampShape, Shape, SpikeShape, StepsShape
from closeshave.traffic.arrivals import rate_of

PLAN = """
name: shaped
environment: embedded
target: bookedbarber-smoke
seed: 1
limits: {{duration: 5m, requests: 1000}}
phases:
  - name: calm
    role: calm
    duration: 100s
    sessions_per_s: 3
    shape: {shape}
"""


def plan(tmp_path: Path, shape: str) -> Plan:
    """A plan of one phase of this shape."""
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN.format(shape=shape))
    return read_plan(path)


def factors_at(shape: Shape, at_s: Sequence[float]) -> list[float]:
    """The rate at these seconds of a phase of 100 s, as shares of its highest."""
    return [rate / 8.0 for rate in rate_of(shape, 8.0, 100.0).per_s(np.array(at_s, dtype=np.float64)).tolist()]


@pytest.mark.parametrize(
    ("shape", "at_s", "factors"),
    [
        ("{kind: ramp, start: 0.2, end: 1}", (0, 50, 100), (0.2, 0.6, 1.0)),
        ("{kind: steps, levels: [0.25, 0.5, 1]}", (0, 33, 34, 67, 100), (0.25, 0.25, 0.5, 1.0, 1.0)),
        ("{kind: spike, at: 20s, half_life: 10s, base: 0.2}", (19.9, 20, 30, 40), (0.2, 1.0, 0.6, 0.4)),
        (f"{{kind: diurnal, hours: {[0.5] * 12 + [1.0] * 12}}}", (10, 75, 100 / 48, 50), (0.5, 1.0, 0.5, 0.75)),
        ("{kind: replayed, file: x.txt}", (0, 50), (0.0, 0.0)),
    ],
)
def test_a_shape_is_a_factor_on_the_rate(tmp_path: Path, shape: str, at_s: tuple[float, ...], factors: tuple[float, ...]) -> None:
    """At these seconds of a phase of 100 s."""
    phase = plan(tmp_path, shape).phases[0]
    assert phase.shape is not None
    assert factors_at(phase.shape, at_s) == pytest.approx(list(factors))


SHARES = st.floats(0, 1)
SHAPES = st.one_of(
    st.builds(RampShape, st.just("ramp"), SHARES, SHARES),
    st.builds(StepsShape, st.just("steps"), st.lists(SHARES, min_size=1, max_size=9).map(tuple)),
    st.builds(SpikeShape, st.just("spike"), st.floats(0, 100), st.floats(0.1, 100), SHARES),
    st.builds(DiurnalShape, st.just("diurnal"), st.lists(SHARES, min_size=24, max_size=24).map(tuple)),
)


@given(SHAPES, SHARES)
def test_no_shape_exceeds_the_phases_rate(shape: Shape, share: float) -> None:
    """So that a limit on the stated rate is a limit on the load."""
    assert -1e-9 <= factors_at(shape, [100 * share])[0] <= 1 + 1e-9


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("{kind: zigzag}", "zigzag|kind"),
        ("{kind: ramp, start: 2}", "start: 2 is too much: it is at most 1"),
        ("{kind: ramp, slope: 2}", "unknown key"),
        ("{kind: steps, levels: []}", "steps need levels"),
        ("{kind: spike, at: 1s, half_life: 0}", "longer than 0"),
        ("{kind: spike, at: 1s}", "half_life: is missing"),
        ("{kind: diurnal, hours: [1]}", "24 hours, not 1"),
    ],
)
def test_a_wrong_shape_is_refused_with_its_line(tmp_path: Path, shape: str, message: str) -> None:
    """Before anything starts."""
    with pytest.raises(InvalidFile, match=message) as refused:
        plan(tmp_path, shape)
    assert refused.value.problems[0].line == 12
