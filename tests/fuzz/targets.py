"""Everything that reads foreign bytes, by name: ``make fuzz`` runs these under atheris, and the quick tests replay their corpora."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

CORPORA = Path(__file__).parent / "corpus"


@dataclass(frozen=True, slots=True)
class Target:
    """One reader, or several that read the same things."""

    name: str
    where: str
    """Module and function."""
    watched: tuple[str, ...]
    """Modules, with all below them, whose branches guide the search."""
    share: float = 1.0
    """Of the time, beside the others' shares."""
    bytes_max: int = 4096

    @property
    def corpus(self) -> Path:
        """The inputs that it starts from; what fuzzing found is among them."""
        return CORPORA / self.name

    def load(self) -> Callable[[bytes], None]:
        """The function; its module, and what that reads with, is imported by this."""
        module, _, function = self.where.partition(":")
        loaded: Callable[[bytes], None] = getattr(importlib.import_module(module), function)
        return loaded


_ENGINE = tuple(f"closeshave.loadgen.{name}" for name in ("parser", "cookies", "wire", "trace", "response"))
_YAML = ("closeshave.files.yamlfile", "closeshave.files.yamltext", "closeshave.files.yamlquick", "ruamel.yaml")
_REMOTE = ("closeshave.environments.remote", "closeshave.files.foreign")
_LISTED = (
    Target("engine", "tests.loadgen.fuzzing:one", (*_ENGINE, "closeshave.traffic.answers"), share=18),
    # -- files that people write
    Target("plan", "tests.fuzz.written:plan", (*_YAML, "closeshave.plan", "closeshave.shapes", "closeshave.trial.preparation"), share=2),
    Target("target", "tests.fuzz.written:target", (*_YAML, "closeshave.target")),
    Target("openslo", "tests.fuzz.written:openslo", (*_YAML, "closeshave.openslo")),
    Target("environment", "tests.fuzz.written:environment", (*_YAML, "closeshave.environments", "closeshave.deployment"), share=2),
    Target("profile", "tests.fuzz.written:profile", (*_YAML, "closeshave.traffic.profiles")),
    Target("replayed", "tests.fuzz.written:replayed", ("closeshave.traffic",)),
    Target("accounts", "tests.fuzz.written:accounts", ("closeshave.environments.remote.accounts",)),
    # -- files that the harness wrote, damaged since
    Target(
        "run", "tests.fuzz.kept:run", ("closeshave.history", "closeshave.files.seal", "closeshave.conclusion", "closeshave.judge"), share=2
    ),
    Target("records", "tests.fuzz.kept:records", ("closeshave.loadgen.convert", "closeshave.traffic.live", "closeshave.history")),
    Target("ledger", "tests.fuzz.kept:faults", ("closeshave.faults", "closeshave.files")),
    Target("state", "tests.fuzz.kept:state", ("closeshave",)),
    Target("evidence", "tests.fuzz.kept:evidence", ("closeshave.environments.evidence", "closeshave.trial", "closeshave.files")),
    # -- what a platform answers
    Target("steps", "tests.fuzz.answered:steps", ("closeshave.traffic", "closeshave.files.foreign"), share=3),
    Target("setup", "tests.fuzz.answered:setup", ("closeshave.traffic", "closeshave.files.foreign")),
    Target("doctor", "tests.fuzz.answered:doctor", _REMOTE, share=3),
    Target("read-back", "tests.fuzz.answered:lists", _REMOTE, share=2),
    Target("hook", "tests.fuzz.answered:hook", ("closeshave.faults",)),
    Target("cluster", "tests.kubernetes.fuzzing:one", ("closeshave.faults.kubernetes", "closeshave.clients")),
)
TARGETS: Mapping[str, Target] = {target.name: target for target in _LISTED}
