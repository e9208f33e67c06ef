"""Blocks and legs of gates, made up."""

from __future__ import annotations

from closeshave.gate.decision import LegFigure
from closeshave.gate.design import Block, Side, draw
from closeshave.gate.result import BrokenPromise, JudgedBlock, JudgedLeg


def leg(
    block: Block, number: int, *, slower: float = 1.0, noise: float = 0.0, broken: bool = False, spoilt: str = "", endless: bool = False
) -> JudgedLeg:
    """A leg of a block: the candidate's response times are ``slower`` times the base's; ``broken``: it lost a booking; ``endless``: it has no p95/book."""
    planned = block.legs[number]
    name = f"run-{block.stage}-{block.number}-{number}"
    factor = (slower if planned.side is Side.CANDIDATE else 1.0) * (1 + noise * ((block.number * 7 + number * 3) % 5 - 2))
    figures = {
        "p95/book": LegFigure(0.010 * factor, 1000),
        "p95/slots": LegFigure(0.004 * (1 + noise * ((block.number * 3 + number) % 5 - 2)), 2000),
        "not-good": LegFigure(0.0, 6000),
        "cpu-per-request": LegFigure(0.0015 * (1 + noise * ((block.number + number * 2) % 5 - 2) / 5), 6000),
        "cache-misses": LegFigure(0.01 + 0.0001 * ((block.number + number) % 3), 2000),
    }
    promises = (BrokenPromise(planned.side, name, "integrity/lost", "1 booking is missing"),) if broken else ()
    if endless:
        del figures["p95/book"]
    lacking = ("p95/book",) if endless else ()
    return JudgedLeg(planned.side, name, planned.seed, {} if spoilt else figures, 0.0, promises, spoilt, endless=lacking)


def block(planned: Block, *, slower: float = 1.0, noise: float = 0.004, broken: Side | None = None, spoilt: str = "") -> JudgedBlock:
    """A whole block; ``broken``: the side that lost a booking in each of its legs; ``spoilt``: why its first leg cannot be used."""
    if spoilt:
        return JudgedBlock(planned.stage, planned.number, planned.order, (leg(planned, 0, spoilt=spoilt),))
    legs = tuple(
        leg(planned, number, slower=slower, noise=noise, broken=planned.legs[number].side is broken) for number in range(len(planned.legs))
    )
    return JudgedBlock(planned.stage, planned.number, planned.order, legs)


def blocks(stage: int = 1, number: int = 6, seed: int = 1, **told: object) -> list[JudgedBlock]:
    """A whole stage."""
    return [block(each, **told) for each in draw(seed, stage, number)]  # type: ignore[arg-type]  # passed on as they are
