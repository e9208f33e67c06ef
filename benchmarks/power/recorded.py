"""Live gates of other sessions and machines, one file each: no machine is free long enough for all rows of the table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from closeshave.files import jsonfile, write_atomically
from closeshave.gate.result import GateResult
from closeshave.gate.rules import Rules

HOME = Path(__file__).parent / "gates"
"""Where the files are, one folder a case."""


@dataclass(frozen=True, slots=True)
class RecordedGate:
    """A live gate that has an answer."""

    name: str
    """Of its directory, where it was made."""
    rules: Rules
    """What was fixed before its first leg."""
    rate_scale: float | None
    """The share of the plan's rate that it had; ``None``: not known."""
    result: GateResult

    @property
    def machine(self) -> str:
        """The processor and its cores, as far as they are known."""
        facts = self.result.fingerprint.machine
        return f"{facts.get('processor') or 'unknown processor'}, {facts.get('cores') or '?'} cores"


_CODEC = TypeAdapter(RecordedGate)


def load(case: str, home: Path = HOME) -> list[RecordedGate]:
    """The gates of a case, oldest first. Raises :class:`closeshave.files.jsonfile.Damaged`."""
    found = [jsonfile.read(path, _CODEC) for path in sorted((home / case).glob("*.json"))]
    return sorted(found, key=lambda gate: gate.result.started_at)


def keep(case: str, gate: RecordedGate, home: Path = HOME) -> None:
    """Write the file of a gate, if there is none. Raises :class:`OSError`."""
    path = home / case / f"{gate.name}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(_CODEC.dump_python(gate, mode="json"), separators=(",", ":")) + "\n")


def comparable(gates: Sequence[RecordedGate], rules: Rules) -> list[RecordedGate]:
    """Those that were decided by these rules: the others answer another question."""
    return [gate for gate in gates if gate.rules == rules]
