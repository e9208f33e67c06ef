"""Explains a verdict in time order: who requested what, who acknowledged it, which faults and fail-overs there were, and what the final state shows.

It is made from the verdict's witnesses: their operations, everything else in the history about the same bookings and keys, the faults and the
platform's own signals on the same shards during that time, and what the final state and the provider's ledger hold. Every line names its place in the
history.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from closeshave.history import OPERATIONS_FILE, TIMELINE, Booking, Capture, Effect, Job, Operation
from closeshave.judge.evidence.columns import ints, member
from closeshave.judge.evidence.joins import held_in
from closeshave.judge.evidence.timeline import Life, shards_of, signals_of
from closeshave.judge.evidence.windows import NEVER_NS
from closeshave.judge.explanation.ending import BookingName, in_the_end
from closeshave.judge.explanation.line import Line
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Verdict
from closeshave.judge.witnesses import KeyWitness, StaleEntryWitness
from closeshave.vocabulary import SignalKind

MARGIN_NS = 5_000_000_000
"""Faults and signals up to so long before and after these operations are shown too."""
SHOP_ACTIONS = ("change_shop", "read_shop")
MOST_OPERATIONS = 40
"""Of a booking with more operations than this only the first ones are shown."""


def tell(analysis: Analysis, verdict: Verdict) -> tuple[Line, ...]:
    """The lines of the explanation; empty for a verdict without witnesses and without a fault."""
    named = [row for witness in verdict.witnesses for row in witness.rows]
    accused = {row.id for row in named if isinstance(row, Operation)} | {row.operation for row in named if isinstance(row, Effect)}
    about = [row for row in named if isinstance(row, Effect | Booking | Capture)]
    bookings = {(row.franchise, row.booking) for row in about if row.booking is not None}
    bookings |= {(row.franchise, row.booking) for row in named if isinstance(row, Job)}
    keys = {row.key for row in about if row.key} | {witness.key for witness in verdict.witnesses if isinstance(witness, KeyWitness)}
    shops = {witness.franchise for witness in verdict.witnesses if isinstance(witness, StaleEntryWitness)}
    rows = _operations(analysis, accused, bookings, keys, shops)
    acted = list(_acted(analysis, rows, accused))
    instants = [line.at_ns for line in acted if line.at_ns is not None]
    life = next((each for each in analysis.lives if verdict.scope == f"fault:{each.fault.id}"), None)
    broken = list(_broken(analysis, life, instants, set(analysis.evidence.shard[rows].tolist())))
    timed = sorted([*acted, *broken], key=lambda line: (line.at_ns or 0, line.source))
    return (*timed, *in_the_end(analysis.evidence.history, bookings, shops))


def _operations(analysis: Analysis, accused: set[int], bookings: set[BookingName], keys: set[str], shops: set[int]) -> list[int]:
    """Positions of the operations that concern the witnesses, their bookings or their keys, and of those that changed or showed a shop."""
    effects = analysis.evidence.history.effects
    related = np.zeros(len(effects), dtype=np.bool_)
    if keys:
        related |= effects["key"].isin(keys).to_numpy(dtype=np.bool_)
    if bookings:
        # The franchise first: it leaves few effects whose pairs must be compared.
        near = np.flatnonzero(effects["franchise"].isin([franchise for franchise, _ in bookings]).to_numpy(dtype=np.bool_))
        pairs = pd.MultiIndex.from_arrays([ints(effects[name].iloc[near], -1) for name in ("franchise", "booking")])
        related[near[np.asarray(pairs.isin(list(bookings)))]] = True
    if shops:
        related = related | (member(effects["action"], SHOP_ACTIONS) & effects["franchise"].isin(shops).to_numpy(dtype=np.bool_))
    concerned = set(effects["operation"][related].tolist())
    # The witnesses are never left out, however many lines there are.
    others = sorted(concerned - accused)[:MOST_OPERATIONS]
    return _positions(analysis, [*sorted(accused), *others])


def _positions(analysis: Analysis, wanted: list[int]) -> list[int]:
    """Where the operations with these IDs are, in the order of the file."""
    return np.flatnonzero(held_in(analysis.evidence.ids, np.array(wanted, dtype=np.int64))).tolist()


def _acted(analysis: Analysis, rows: Iterable[int], accused: set[int]) -> Iterator[Line]:
    """Two lines for each operation: it was sent, and it was answered."""
    evidence = analysis.evidence
    effects = evidence.history.effects
    for position in rows:
        one = evidence.operations.iloc[position]
        told = effects[effects["operation"] == one["id"]]
        about = _about(told.iloc[0]) if len(told) else ""
        who = (
            f"{one['source']} in {one['region']}"
            if told.empty or pd.isna(told["session"].iloc[0])
            else f"session {told['session'].iloc[0]} in {one['region']}"
        )
        source, guilty = f"{OPERATIONS_FILE} row {position}, operation {one['id']}", int(one["id"]) in accused
        late_ms = (evidence.started_ns[position] - evidence.intended_ns[position]) / 1e6
        late = f", {late_ms:,.0f} ms late" if late_ms >= 1 else ""
        yield Line(int(evidence.started_ns[position]), "sent", who, f"asks for {one['kind']}{about}{late}", source, guilty)
        if evidence.ended_ns[position] != NEVER_NS:
            yield Line(
                int(evidence.ended_ns[position]),
                "answered",
                f"shard {one['shard']}",
                _answer(one, evidence.response_ns[position]),
                source,
                guilty,
            )


def _about(effect: pd.Series) -> str:
    parts = [f"booking {effect['booking']}"] if pd.notna(effect["booking"]) else []
    parts += [f"franchise {effect['franchise']}"]
    parts += (
        [f"barber {effect['barber']} at {pd.Timestamp(int(effect['starts_at']), unit='s'):%Y-%m-%d %H:%M}"]
        if pd.notna(effect["starts_at"]) and pd.notna(effect["barber"])
        else []
    )
    parts += [f"key {effect['key']}"] if pd.notna(effect["key"]) else []
    return f" ({', '.join(parts)})"


def _answer(one: pd.Series, response_ns: int) -> str:
    said = {"ok": "acknowledges it", "fail": "refuses it", "info": "leaves the outcome unknown"}.get(
        str(one["outcome"]), str(one["outcome"])
    )
    status = f"status {one['status']}" if one["status"] else "no answer"
    why = f", {one['error']}" if pd.notna(one["error"]) else ""
    served = f", served by {one['served_by']}" if pd.notna(one["served_by"]) else ""
    cached = f", cache {one['cache']}" if pd.notna(one["cache"]) else ""
    return f"{said} after {response_ns / 1e6:,.1f} ms ({status}{why}{served}{cached})"


def _broken(analysis: Analysis, life: Life | None, instants: list[int], shards: set[int]) -> Iterator[Line]:
    """The faults that touched the same shards, or that the verdict is about, and the platform's signals about them."""
    if life is not None:
        start = life.injected_ns if life.injected_ns is not None else 0
        instants = [*instants, start, life.horizon_ns]
    if not instants:
        return
    first, last = min(instants) - MARGIN_NS, max(instants) + MARGIN_NS
    for other in analysis.lives:
        if life is not None and other.fault.id != life.fault.id:
            continue
        hit = set(shards_of(analysis.evidence, other.fault))
        if life is None and hit and not hit & shards:
            continue
        scope = ", ".join(f"{key} {value}" for key, value in other.fault.scope.items()) or "everything"
        for event in analysis.evidence.history.faults:
            if event.fault == other.fault.id and first <= event.at_ns <= last:
                yield Line(event.at_ns, "fault", "harness", f"{event.fault} ({other.fault.kind} on {scope}): {event.edge}", TIMELINE)
        for signal in signals_of(analysis.evidence, other):
            if first <= signal.at_ns <= last and signal.kind != SignalKind.ALERT:
                yield Line(
                    signal.at_ns,
                    "signal",
                    signal.scope,
                    f"{signal.kind}: {signal.detail}".rstrip(": "),
                    f"{TIMELINE}, from {signal.source}",
                )
