"""The files of a plan that a load needs on every machine that sends it: found on each by itself, and compared by their checksums."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile
from closeshave.shapes import Replayed
from closeshave.traffic.generator import scenario
from closeshave.traffic.known_profiles import ADDED
from closeshave.traffic.load import Load


class FilesDiffer(ValueError):
    """A file is missing or another one on this machine. The message is one sentence."""


def below(load: Load, directory: Path) -> Load:
    """The load with the path of a user's own Locust file from the plan's directory. Raises :class:`FilesDiffer` for one elsewhere."""
    own = load.traffic.locust
    if own is None:
        return load
    try:
        within = Path(own.file).resolve().relative_to(directory.resolve())
    except ValueError:
        raise FilesDiffer(f"{own.file} is not below the directory of the plan, {directory}: load machines would not find it") from None
    return replace(load, traffic=replace(load.traffic, locust=replace(own, file=str(within))))


def placed(load: Load, directory: Path) -> Load:
    """The reverse on a load machine, whose plan is in ``directory``. Raises :class:`FilesDiffer`."""
    own = load.traffic.locust
    if own is None:
        return load
    file = (directory / own.file).resolve()
    if not file.is_relative_to(directory.resolve()):
        raise FilesDiffer(f"the path {own.file} leads out of the directory of the plan")
    return replace(load, traffic=replace(load.traffic, locust=replace(own, file=str(file))))


def digests(load: Load, directory: Path) -> dict[str, str]:
    """SHA-256 of each file by its name. ``load`` has absolute paths (:func:`placed`). Raises :class:`FilesDiffer`."""
    own = load.traffic.locust
    found: dict[str, Path] = {}
    try:
        if own is None:
            found[f"scenarios/{load.traffic.scenario}"] = scenario(load.traffic.scenario)
        else:
            found[str(Path(own.file).relative_to(directory.resolve()))] = Path(own.file)
        for phase in load.phases:
            if isinstance(phase.shape, Replayed):
                found[f"scenarios/{phase.shape.file}"] = locate("scenarios", phase.shape.file)
        if load.traffic.profile not in ADDED:
            found[f"scenarios/profiles/{load.traffic.profile}"] = locate("scenarios/profiles", load.traffic.profile)
        return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()}
    except (InvalidFile, OSError) as error:
        raise FilesDiffer(f"a file of the plan is not on this machine: {error}") from None


def difference(own: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """Which files are other ones here, as a sentence; empty if none are. Pure."""
    other = sorted(name for name, digest in wanted.items() if own.get(name) != digest)
    return f"other than on the machine of the run: {', '.join(other)}; copy the plan's files again" if other else ""
