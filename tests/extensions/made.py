"""Packages as pip leaves them: importable, with the metadata that names their entry points."""

from __future__ import annotations

from pathlib import Path


def package(place: Path, name: str, points: str, version: str = "1.0", **modules: str) -> None:
    """Put a package with these entry points (as a section of ``entry_points.txt``) and these modules into a directory of the import path."""
    metadata = place / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (metadata / "entry_points.txt").write_text(points)
    for module, text in modules.items():
        (place / f"{module}.py").write_text(text)
