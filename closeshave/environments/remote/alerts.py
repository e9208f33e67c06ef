"""Alerts of a platform's own monitoring during a run, asked of its Prometheus when the load is over: when each began and ended, and which rules there are.

A Prometheus keeps whether an alert fires at each evaluation of its rule; instants here are as exact as the step of the question.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator

from closeshave.clients import alerting
from closeshave.clients.alerting import FiringStretch
from closeshave.clock import Anchor
from closeshave.deployment import Proxy
from closeshave.environments.alerting.engine import rules_of
from closeshave.environments.alerting.webhook import note, texts
from closeshave.history import AlertNote, AlertRule

STEP_S = 5.0
SELF = ("__name__", "alertstate")
"""Labels that the series of an alert has and the alert has not."""


def asked(
    prometheus: str, anchor: Anchor, since_ns: int, until_ns: int, proxy: Proxy | None = None
) -> tuple[tuple[AlertNote, ...], tuple[AlertRule, ...]]:
    """Every alert that began or ended between two instants, and the rules. Raises :class:`closeshave.clients.alerting.NoMonitoring`."""
    from_s, to_s = (anchor.to_wall(at_ns).timestamp() for at_ns in (since_ns, until_ns))
    told = alerting.firing(prometheus, from_s, to_s, STEP_S, proxy)
    rules = rules_of(alerting.groups_asked(prometheus, proxy))
    return tuple(sorted(notes_of(told, anchor, to_s), key=lambda each: each.received_ns)), rules


def notes_of(stretches: Iterable[FiringStretch], anchor: Anchor, until_s: float, step_s: float = STEP_S) -> Iterator[AlertNote]:
    """Beginning and end of each alert: it ended where more than a step is missing, unless the question ended there. Pure."""
    for stretch in stretches:
        labels = texts({name: value for name, value in stretch.labels.items() if name not in SELF})
        name = hashlib.blake2b(repr(sorted(labels.items())).encode(), digest_size=8).hexdigest()
        for first_s, last_s in _together(stretch.at_s, step_s):
            started = round(first_s * 1e9)
            yield note("firing", labels, _monotonic_ns(anchor, first_s), started, None, name)
            if last_s + step_s < until_s:
                yield note("resolved", labels, _monotonic_ns(anchor, last_s + step_s), started, round((last_s + step_s) * 1e9), name)


def _together(at_s: tuple[float, ...], step_s: float) -> Iterator[tuple[float, float]]:
    """The first and the last instant of each run without a gap."""
    if not at_s:
        return
    first = at_s[0]
    for one, following in itertools.pairwise(at_s):
        if following - one > 1.5 * step_s:
            yield first, one
            first = following
    yield first, at_s[-1]


def _monotonic_ns(anchor: Anchor, wall_s: float) -> int:
    return anchor.monotonic_ns + round(wall_s * 1e9) - anchor.wall_ns
