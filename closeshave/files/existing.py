"""Whether there is a file at a path that was read from a file, and so may be any text."""

from __future__ import annotations

from pathlib import Path


def may_exist(path: Path) -> bool:
    """Whether something may be at ``path``. No only if that is certain: nothing is there, or no such path is possible (too long, a zero byte).

    Where this user may not look, something may be there: it may belong to another user.
    """
    try:
        return path.exists()
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
