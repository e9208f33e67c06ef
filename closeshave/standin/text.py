"""Text of a request that a database can hold: PostgreSQL knows no character NUL, and would end the request with an error of its own."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Text = Annotated[str, Field(pattern="^[^\x00]*$")]
"""Refused with 422 where it holds NUL."""
