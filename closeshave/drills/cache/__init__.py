"""Drills of a cache tier, while customers use it."""

ABOUT = "the slots of a Valkey cluster"
