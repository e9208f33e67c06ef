"""The files that decide what customers send, beside the plan, the target and the environment that name them: by their digests, so that work that is
continued, or compared, is known to be of the same ones."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from closeshave.environments.definition import api_file
from closeshave.files import digest
from closeshave.files.shipped import locate
from closeshave.shapes import Replayed
from closeshave.traffic.generator import scenario
from closeshave.traffic.known_profiles import ADDED
from closeshave.trial.prepared import Prepared


def digests(trials: Iterable[Prepared]) -> dict[str, str]:
    """What each file of these trials is called → its SHA-256; of several that are called the same, all of them.

    Raises :class:`closeshave.files.yamlfile.InvalidFile` and :class:`OSError` for one that is gone.
    """
    found: dict[str, set[str]] = {}
    for one in trials:
        for name, path in _files(one).items():
            found.setdefault(name, set()).add(digest(path))
    return {name: " ".join(sorted(several)) for name, several in sorted(found.items())}


def _files(one: Prepared) -> dict[str, Path]:
    traffic, own = one.written.traffic, one.written.traffic.locust
    found = dict(one.inputs.beside)
    if own is None:
        found[f"scenarios/{traffic.scenario}"] = scenario(traffic.scenario)
    else:
        found[Path(own.file).name] = Path(own.file)
    for phase in one.written.phases:
        if isinstance(phase.shape, Replayed):
            found[f"scenarios/{phase.shape.file}"] = locate("scenarios", phase.shape.file)
    # A profile of an installed package is no file; the package's version is a condition of its own.
    if traffic.profile not in ADDED:
        found[f"scenarios/profiles/{traffic.profile}"] = locate("scenarios/profiles", traffic.profile)
    api = api_file(one.definition)
    found[f"scenarios/apis/{api.stem}"] = api
    return found
