"""A scripted operator: a procedure that moves a platform from *before* over *under way* to *after*, one file as its state. Run by hooks as a program.

``python procedure.py STATE ACTION [TEXT…]``; STATE is a file. Every call is noted in ``STATE.calls``, so that tests see what was called in which order.
``start N`` begins something that is done when its status is asked the N-th time: a test's machine may be slow.
"""

import sys
import time
from pathlib import Path

SAFE = ("before", "after")
UNDER_WAY = "under way, done after questions: "
NEVER = 10**9


def is_done(state: Path, now: str) -> bool:
    """Whether what was begun is done; this question counts."""
    if not now.startswith(UNDER_WAY):
        return False
    left = int(now.removeprefix(UNDER_WAY)) - 1
    state.write_text(f"{UNDER_WAY}{max(0, left)}")
    return left <= 0


def main(state: Path, action: str, *texts: str) -> int:
    """Do one action; returns the exit code."""
    with state.with_suffix(".calls").open("a") as calls:
        calls.write(f"{action}\n")
    now = state.read_text() if state.exists() else "before"
    match action:
        case "start":
            # Done later, by itself, as an operator's automation works.
            state.write_text(f"{UNDER_WAY}{texts[0] if texts else 3}")
        case "start-and-fail":
            state.write_text(f"{UNDER_WAY}{NEVER}")
            return 3
        case "start-and-hang":
            state.write_text(f"{UNDER_WAY}{NEVER}")
            time.sleep(3141)
        case "status":
            return 0 if is_done(state, now) else 1
        case "finish":
            state.write_text("after")
        case "finish-and-hang":
            state.write_text("half switched")
            time.sleep(3141)
        case "abort":
            state.write_text("before")
        case "is":
            return 0 if now == texts[0] else 1
        case "is-safe":
            return 0 if now in SAFE else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
