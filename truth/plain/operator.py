"""The operator's actions on the plain platform: break it, repair it, plant defects."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from truth.plain.defects import Defect
from truth.plain.routes import Platform


class Operator:
    """A person with access to the platform's machines. ``dead``, while set, makes its process drop every connection."""

    def __init__(self, platform: Platform, dead: threading.Event) -> None:
        self._platform, self._dead = platform, dead

    def act(self, path: str, values: Mapping[str, float]) -> bool:
        """Carry out the action of this path; false if there is none."""
        match path.split("/")[1:]:
            case ["break", "database"]:
                self._platform.database_down = True
            case ["break", "process"]:
                self._dead.set()
            case ["plant", name] if name in {*Defect}:
                with self._platform.shop.lock:
                    self._platform.shop.planted.plant(Defect(name), values.get("share", 1.0))
            case ["mend"]:
                self._mend()
            case _:
                return False
        if by_itself_after_s := values.get("for"):
            timer = threading.Timer(by_itself_after_s, self._mend)
            timer.daemon = True
            timer.start()
        return True

    def state(self) -> dict[str, object]:
        """What is broken, and what is planted. A healed platform keeps its defects."""
        down = {"database": self._platform.database_down, "process": self._dead.is_set()}
        broken = [name for name, is_so in down.items() if is_so]
        return {"broken": broken, "whole": not broken, "planted": self._platform.shop.planted.shares}

    def ledger(self) -> list[dict[str, object]]:
        """The payment provider's own ledger: every capture, with its time in seconds since the epoch."""
        with self._platform.shop.lock:
            return [
                {"id": one.id, "intent": one.intent, "booking": one.booking, "cents": one.cents, "at": one.at.timestamp()}
                for one in self._platform.shop.ledger
            ]

    def struck(self) -> dict[str, list[int]]:
        """What each planted defect affected, by name."""
        with self._platform.shop.lock:
            return {defect.value: list(hit) for defect, hit in self._platform.shop.planted.struck.items()}

    def _mend(self) -> None:
        self._platform.database_down = False
        self._dead.clear()
