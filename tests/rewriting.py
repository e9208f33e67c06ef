"""In a fresh clone pytest rewrites the assertions of four hundred files, and keeps what it made. Each of its workers would rewrite all of them at the
same time: here each begins with a share of its own, and finds those of the others when it lists the tests.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from _pytest.assertion import rewrite


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Before the tests are listed."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0"))
    if workers < 2 or sys.dont_write_bytecode:
        return
    number = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    asked = [session.config.invocation_params.dir / place for place in session.config.args]
    for path in sorted(path for place in asked for path in place.rglob("test_*.py"))[number::workers]:
        _rewritten(path, session.config)


def _rewritten(path: Path, config: pytest.Config) -> None:
    """As pytest's own import of the file does; in a version that does it otherwise, the import will do it."""
    try:
        state, kept = config.stash[rewrite.assertstate_key], rewrite.get_cache_dir(path) / f"{path.stem}{rewrite.PYC_TAIL}"
        if rewrite.try_makedirs(kept.parent) and rewrite._read_pyc(path, kept) is None:
            source, code = rewrite._rewrite_test(path, config)
            rewrite._write_pyc(state, code, source, kept)
    except (AttributeError, KeyError, TypeError, SyntaxError, OSError):
        return
