"""``make fuzz`` starts this: ``python -m tests.fuzz [--seconds S] [NAME …]``, each target for its share of the time in a process of its own."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.fuzz.scratch import scratch, swept
from tests.fuzz.targets import TARGETS, Target

TIMEOUT_S = 20
"""An input that takes longer hangs; one that only took so long on a busy machine passes when it is replayed."""
FOUND = Path("reports/runs/fuzz")


def main() -> int:
    """Fuzz; returns 1 when anything was found."""
    parser = argparse.ArgumentParser(description="Readers of foreign bytes under coverage-guided fuzzing.")
    parser.add_argument("names", nargs="*", help=f"of: {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=float, default=3600.0, help="for all of them together")
    options = parser.parse_args()
    if unknown := set(options.names) - set(TARGETS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; available: {', '.join(TARGETS)}")
    swept()
    chosen = [TARGETS[name] for name in options.names or TARGETS]
    whole = sum(target.share for target in chosen)
    found = 0
    for target in chosen:
        seconds = max(1, round(options.seconds * target.share / whole))
        executions, inputs = fuzzed(target, seconds)
        said = "; ".join(map(str, inputs)) or "no finding"
        print(f"{target.name:12} {seconds:5} s {executions:10,} executions  {said}", flush=True)  # noqa: T201 - what it is for
        found += len(inputs)
    return 1 if found else 0


def fuzzed(target: Target, seconds: int) -> tuple[int, list[Path]]:
    """How often the target ran, and the inputs that it does not bear."""
    grown = FOUND / target.name
    grown.mkdir(parents=True, exist_ok=True)
    before = set(FOUND.glob(f"{target.name}-*"))
    done = _child(
        target, f"-max_total_time={seconds}", f"-max_len={target.bytes_max}", f"-timeout={TIMEOUT_S}", "-rss_limit_mb=4096",
        "-print_final_stats=1", f"-artifact_prefix={FOUND / target.name}-", str(grown), str(target.corpus),
    )  # fmt: skip
    (FOUND / f"{target.name}.log").write_text(done, encoding="utf-8")
    counted = re.findall(r"number_of_executed_units: (\d+)|^#(\d+)\s", done, re.MULTILINE)
    inputs = []
    for path in sorted(set(FOUND.glob(f"{target.name}-*")) - before):
        if path.name.startswith((f"{target.name}-timeout-", f"{target.name}-slow-unit-")) and _bears(target, path):
            path.unlink()
            continue
        inputs.append(path)
    executions = max((int(one or other) for one, other in counted), default=0)
    if not executions:
        sys.exit(f"{target.name} was not fuzzed; see {FOUND / target.name}.log")
    return executions, inputs


def _bears(target: Target, path: Path) -> bool:
    """Whether the input does no harm alone, on a machine that may have become quieter."""
    return "Test unit written" not in (said := _child(target, f"-timeout={TIMEOUT_S}", str(path))) and "ERROR:" not in said


def _child(target: Target, *options: str) -> str:
    """The output of a run of atheris. Its temporary files are in a directory that is removed afterwards: libFuzzer ends without Python's normal exit."""
    with scratch() as (place, lock):
        command = [sys.executable, "-m", "tests.fuzz.child", target.name, *options]
        done = subprocess.run(
            command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "TMPDIR": str(place)}, errors="replace",
            pass_fds=[lock],
        )  # fmt: skip
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
