"""The figures of a finished generator run, read from its records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from closeshave.loadgen.convert import open_all


@dataclass(frozen=True, slots=True)
class Recorded:
    """Figures over all rows; times in milliseconds."""

    count: int
    good: int
    customers: int
    lateness_ms_p99: float
    response_ms: dict[float, float]

    @classmethod
    def read(cls, directory: Path, quantiles: tuple[float, ...] = (0.5, 0.99, 0.999)) -> Recorded:
        """All workers' records below ``directory``."""
        workers = open_all(directory)
        started, intended, ended, good, customers = (
            np.concatenate([np.asarray(worker.rows[name]) for worker in workers])
            for name in ("started_ns", "intended_ns", "ended_ns", "good", "customer")
        )
        late_ms, response_ms = (started - intended) / 1e6, (ended - intended) / 1e6
        return cls(
            count=len(started),
            good=int(good.sum()),
            customers=len(np.unique(customers)),
            lateness_ms_p99=float(np.quantile(late_ms, 0.99, method="inverted_cdf")),
            response_ms={quantile: float(np.quantile(response_ms, quantile, method="inverted_cdf")) for quantile in quantiles},
        )
