"""The rate of a run beside the planned rate, and the reason for the difference, in words. Pure."""

from __future__ import annotations

from closeshave.history import Rate
from closeshave.report import words


def sentence(rate: Rate) -> str:
    """The rate beside the planned one, why it differs, and the figures behind it."""
    planned, offered = _per_s(rate.planned_sessions_per_s), _per_s(rate.sessions_per_s)
    grown = (
        f"; the calm phases last {words.seconds(rate.calm_s)} instead of {words.seconds(rate.planned_calm_s)}"
        if rate.calm_s != rate.planned_calm_s
        else ""
    )
    if rate.by == "plan":
        return f"{planned}, as planned"
    if rate.by == "option":
        return f"{offered} of the planned {planned}, because of --rate-scale {rate.scale:g}{grown}"
    if rate.scale >= 1:
        return f"this machine sustains the planned {planned}{_ground(rate)}"
    return f"this machine sustains {offered} of the planned {planned}{_ground(rate)}{grown}"


def too_little(rate: Rate) -> str:
    """Why no load was sent, and what would help."""
    return (
        f"this machine sustains {_per_s(rate.sessions_per_s)} of the planned {_per_s(rate.planned_sessions_per_s)}, less than the "
        f"{words.ratio(rate.least_scale)} that is needed for verdicts, so no load was sent. More processors or a quieter machine would help; "
        "--rate-scale X loads at any rate that you choose"
    )


def _ground(rate: Rate) -> str:
    if rate.processors is None or rate.share_at_most is None:
        return ""
    others = f", of which other programs use {rate.others_cores:.2g}" if rate.others_cores and rate.others_cores >= 0.05 else ""
    cost = f"; a session costs {words.seconds(rate.cpu_s_per_session)} of processor time" if rate.cpu_s_per_session is not None else ""
    standing = f", and {rate.standing_cores:.2g} processors are in use without load" if rate.standing_cores is not None else ""
    return f" (at most {words.ratio(rate.share_at_most)} of {rate.processors:g} processors{others}{cost}{standing})"


def _per_s(sessions_per_s: float) -> str:
    return f"{sessions_per_s:.3g} sessions/s"
