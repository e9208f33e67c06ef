"""The section ``alerts`` of an environment file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from closeshave.files.yamlfile import STRICT, Lasting, stated

SHIPPED_RULES = ("infrastructure", "application", "database", "business", "security")
"""The rule files in ``environments/alerts/``, a category each."""
EVERY_S = (1.0, 300.0)


@dataclass(frozen=True, slots=True)
class AlertsOf:
    """The monitoring of the environment: which rules raise alerts."""

    __pydantic_config__ = STRICT

    rules: Annotated[tuple[str, ...], stated(minItems=1, uniqueItems=True)] = SHIPPED_RULES
    """Rule files in Prometheus' format: names in ``environments/alerts/``, or paths, which count from the environment file."""
    every: Lasting = 2.0
    """How often metrics are scraped and rules are evaluated, from 1 s to 5 min."""
    metrics_path: Annotated[str, stated(pattern="^(/.*)?$")] = "/metrics"
    """The path at which each instance of the application serves metrics in Prometheus' format; empty: it serves none, and is only watched from outside."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """What is wrong with it: the key, and what would be right."""
        if not self.rules or len(set(self.rules)) < len(self.rules):
            yield "rules", f"name at least one rule file, and each once; shipped are {', '.join(SHIPPED_RULES)}"
        if self.metrics_path and not self.metrics_path.startswith("/"):
            yield "metrics_path", "begins with a slash, as in /metrics"
        if not EVERY_S[0] <= self.every <= EVERY_S[1]:
            yield "every", f"from {EVERY_S[0]:g} s to {EVERY_S[1] / 60:g} min"
