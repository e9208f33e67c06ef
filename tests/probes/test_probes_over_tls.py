"""Probes of TLS on the environment that ships with HTTPS at its edges, and what else is asked through them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.environments import embedded
from closeshave.environments.definition import read_embedded
from closeshave.files.shipped import locate
from closeshave.probes.places import EVERYTHING, ProbePlace
from closeshave.probes.values import ProbeOutcome
from tests.probes.test_probes_for_real import asked

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


def test_the_edges_speak_current_versions_alone(tmp_path: Path) -> None:
    """With certificates of the environment's own authority; routing and headers hold through them too."""
    definition = replace(read_embedded(locate("environments", "embedded-tls")), links=())
    deployment = embedded.up(definition, say=print, etcd_killed=False)
    try:
        found = asked(ProbePlace(deployment, definition, EVERYTHING), tmp_path, "tls", "routing", "headers")
    finally:
        embedded.down(Path(deployment.root))
    assert {name: told for name, told in found.items() if told[0] is not ProbeOutcome.HOLDS} == {}
    assert len(found) == 12
