"""``make fuzz`` starts this: ``python -m tests.engine.fuzz [libFuzzer options] [corpus]``. The readers alone are watched for coverage."""

import sys

import atheris

with atheris.instrument_imports(
    include=[f"closeshave.traffic.engine.{name}" for name in ("parser", "cookies", "wire", "trace", "response")]
    + ["closeshave.traffic.answers"]
):
    from tests.engine import fuzzing

if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzzing.one)
    atheris.Fuzz()
