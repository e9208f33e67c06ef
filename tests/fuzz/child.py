"""One target under atheris: ``python -m tests.fuzz.child NAME [libFuzzer options] [corpus]``; coverage is measured for its modules only."""

from __future__ import annotations

import os
import random
import sys

import atheris

# Of compiled code no coverage can be told; set before anything of the engine is imported.
os.environ["CLOSESHAVE_PLAIN_ENGINE"] = "1"

from tests.fuzz.mutating import mutated
from tests.fuzz.targets import TARGETS

STRUCTURED = 0.5
"""Of the inputs so many are changed as the JSON that is in them, all others as bytes."""


def main() -> None:
    """Fuzz until stopped."""
    target = TARGETS[sys.argv.pop(1)]
    with atheris.instrument_imports(include=list(target.watched)):
        one = target.load()

    def changed(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < STRUCTURED and (found := mutated(data, rng)) is not None and len(found) <= most:
            return found
        return bytes(atheris.Mutate(data, most))

    atheris.Setup(sys.argv, one, custom_mutator=changed)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
