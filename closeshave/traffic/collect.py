"""After the load: the records of all workers become ``operations.parquet``, ``effects.parquet``, ``sent.jsonl`` and ``blind.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from closeshave import history
from closeshave.history import Blind
from closeshave.loadgen.convert import Converted, convert, convert_effects
from closeshave.loadgen.transport import TOTAL_TIMEOUT_S
from closeshave.traffic.runfiles import RECORDS


def collect(
    run: Path, also: Sequence[Blind] = (), why: Mapping[str, str] | None = None, until_ns: Mapping[str, int] | None = None
) -> Converted:
    """Convert every worker's records below ``run``; a second call replaces the files. ``also`` is when other machines' workers were blind,
    ``why`` what happened to a worker, by its name, and ``until_ns`` when one ceased to have a share, of which something could be unknown. Raises
    :class:`ValueError` for files that are not records."""
    with ThreadPoolExecutor(1) as pool:
        effects = pool.submit(convert_effects, run / RECORDS, run / history.EFFECTS_FILE)
        converted = convert(run / RECORDS, run / history.OPERATIONS_FILE)
        effects.result()
    for one in converted.sent:
        history.record_sent(run, one)
    # Requests in flight when a worker died are lost too, most likely those that took long.
    blind = tuple(
        replace(
            one,
            from_ns=max(0, one.from_ns - int(TOTAL_TIMEOUT_S * 1e9)),
            to_ns=max(one.from_ns, (until_ns or {}).get(one.worker, one.to_ns)),
            why=(why or {}).get(one.worker, one.why),
        )
        for one in converted.blind
    )
    blind = (*blind, *also)
    history.save_blind(run, blind)
    return replace(converted, blind=blind)
