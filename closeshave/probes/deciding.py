"""From observations to a finding. Pure, and the only place where *holds* is said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from closeshave.plurals import counted
from closeshave.probes.values import Observation, ProbeFinding, ProbeOutcome

SHOWN_MOST = 5
"""Witnesses of a finding; the record has all."""
NAMED_MOST = 3


class Unclear(str):
    """Why an answer decides nothing."""

    __slots__ = ()


Right = Callable[[Observation], str]
"""What is wrong with an answer; empty if it is as promised, :class:`Unclear` if it does not tell."""


def settled(
    seen: Sequence[Observation], subjects: Iterable[str], wrong: Right, holds: str, *, silence_breaks: bool = False
) -> ProbeFinding:
    """The finding of a probe that must ask about every one of these subjects. ``holds`` is the sentence if all answers are as promised.

    ``silence_breaks``: it is promised that each answers, so one that does not while another does is no mystery.

    A single answer that is not as promised breaks it. Otherwise one that is missing, or that does not tell, leaves it unknown; so does an empty list.
    """
    wanted = tuple(dict.fromkeys(subjects))
    by_subject = {one.subject: one for one in seen}
    someone = silence_breaks and any(not one.trouble for one in seen)
    told = [(one, _silent(one, broken=someone) if one.trouble else wrong(one)) for one in seen]
    broken = [(one, why) for one, why in told if why and not isinstance(why, Unclear)]
    if broken:
        first, why = broken[0]
        more = f" (and {counted(len(broken) - 1, 'more answer')})" if len(broken) > 1 else ""
        return ProbeFinding(ProbeOutcome.BROKEN, f"{first.subject}: {why}{more}", _shown(one for one, _ in broken), len(seen), len(broken))
    unclear = [(one, why) for one, why in told if why]
    if unclear:
        first, why = unclear[0]
        more = f" (and {counted(len(unclear) - 1, 'more answer')})" if len(unclear) > 1 else ""
        return ProbeFinding(ProbeOutcome.UNKNOWN, f"{first.subject}: {why}{more}", _shown(one for one, _ in unclear), len(seen))
    if not wanted:
        return unknown("there is nothing that could be asked about", seen)
    if missing := [name for name in wanted if name not in by_subject]:
        return unknown(f"not asked: {few(missing)}", seen)
    return ProbeFinding(ProbeOutcome.HOLDS, holds, _shown(seen), len(seen))


def _silent(one: Observation, *, broken: bool) -> str:
    said = f"no answer: {one.trouble}"
    return said if broken else Unclear(said)


def unknown(why: str, seen: Sequence[Observation] = ()) -> ProbeFinding:
    """A finding that decides nothing."""
    return ProbeFinding(ProbeOutcome.UNKNOWN, why, _shown(seen), len(seen))


def few(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(names) - NAMED_MOST
    return ", ".join(names[:NAMED_MOST]) + (f" and {more} more" if more > 0 else "")


def status(one: Observation) -> int:
    """The HTTP status that an observation holds; 0 if it has none."""
    found = one.saw.get("status")
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def figure(one: Observation, name: str) -> float | None:
    """A number that an observation holds; ``None`` if it has none of this name."""
    found = one.saw.get(name)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def busy(one: Observation) -> str:
    """Unclear for an answer that says nothing about what was asked: a rate limit, or a platform that fails; else empty."""
    code = status(one)
    if code == 429:
        return Unclear("a rate limit refused the question")
    if code >= 500 or code == 0:
        return Unclear(f"the platform answered {code or 'nothing'}")
    return ""


def _shown(several: Iterable[Observation]) -> tuple[Observation, ...]:
    return tuple(several)[:SHOWN_MOST]
