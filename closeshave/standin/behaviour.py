"""The behaviour of the payment provider: normal, unless ``/operations`` changes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, TypeAdapter


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The defaults are those of a healthy provider."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    error_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of its calls that end with 500 before anything else is done."""
    late_s: Annotated[float, Field(ge=0, le=60)] = 0.0
    """Seconds between a charge that is in the ledger and its answer."""
    webhook_copies: Annotated[int, Field(ge=1, le=20)] = 1
    """How often each event is delivered."""


BEHAVIOUR = TypeAdapter(Behaviour)
