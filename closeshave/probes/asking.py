"""One round: each probe asks, one after the other, and what it saw is recorded. Nothing is judged here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from closeshave.probes import people
from closeshave.probes.probe import PromiseProbe, obstacle
from closeshave.probes.scene import CannotAsk, ProbeScene
from closeshave.probes.values import Observation

NOT_ASKED = "not asked"
"""The subject of the observation that stands for a probe which could not ask, or not to its end."""


def ask_all(
    probes: Sequence[PromiseProbe],
    scene: ProbeScene,
    record: Callable[[Observation], None],
    told: Callable[[PromiseProbe], None],
    unexpected: Callable[[BaseException], object],
) -> tuple[str, ...]:
    """Ask them all; ``told`` is called before each. Returns what could not be removed again, one sentence each.

    A probe that raises is noted as not asked; ``unexpected`` gets what nobody foresaw.
    """
    left: list[str] = []
    for probe in probes:
        told(probe)
        scene.begin(probe.name, record)
        if why := obstacle(probe, scene.basis, scene.basis.reaches):
            scene.see(NOT_ASKED, probe.asks, {}, f"not asked here, because {why}")
            continue
        try:
            probe.ask(scene)
        except CannotAsk as error:
            scene.see(NOT_ASKED, probe.asks, {}, str(error))
        except Exception as error:  # noqa: BLE001 - whatever a probe does wrong, the others are asked
            unexpected(error)
            scene.see(NOT_ASKED, probe.asks, {}, f"the probe failed ({type(error).__name__}: {error})")
        finally:
            left += (*people.tidy(scene), *scene.take_left())
    return tuple(left)
