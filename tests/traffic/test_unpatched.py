"""The trial controls traffic from a plain process: Locust, which patches the interpreter, runs in processes of its own."""

from __future__ import annotations

import subprocess
import sys

WHAT_THE_TRIAL_USES = "collect generator load logins profiles"


def test_the_trial_never_imports_what_patches_the_interpreter() -> None:
    """No module that the trial uses imports gevent or Locust."""
    imports = "; ".join(f"import closeshave.traffic.{name}" for name in WHAT_THE_TRIAL_USES.split())
    found = f"import sys; {imports}; print([name for name in ('gevent', 'locust', 'geventhttpclient') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
