"""Both clouds and all three stages are described as environments."""

from __future__ import annotations

from collections.abc import Sequence

from closeshave.environments.definition import read_definition
from closeshave.environments.remote.definition import Remote
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import settled
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import ProbeScene
from closeshave.probes.values import Observation, ProbeFinding

STAGES = {"dev": "development", "staging": "staging", "production": "production"}
"""As the files are called → the stage that they state."""
FILES = tuple(f"bookedbarber-{cloud}-{stage}" for cloud in ("aws", "gcp") for stage in STAGES)


def _ask(scene: ProbeScene) -> None:
    for name in FILES:
        try:
            definition = read_definition(locate("environments", name))
        except InvalidFile as error:
            scene.see(name, f"environments/{name}.yaml", {"problem": str(error.problems[0])})
        else:
            stage = definition.stage if isinstance(definition, Remote) else ""
            scene.see(name, f"environments/{name}.yaml", {"kind": definition.kind, "stage": stage, "problem": ""})


def _judge(seen: Sequence[Observation], _basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        if one.saw.get("problem"):
            return str(one.saw["problem"])
        stage = STAGES.get(one.subject.rpartition("-")[2])
        return "" if one.saw.get("stage") == stage else f"states the stage {one.saw.get('stage')!r}, and not {stage}"

    return settled(seen, FILES, wrong, "two clouds with three stages each are described, and every file is valid")


FAMILY = ProbeFamily(
    "described",
    "The platforms of a target are described as environments.",
    (
        PromiseProbe(
            "described.clouds-and-stages",
            ("T12",),
            "There is a valid environment file for each of both clouds and three stages, and it states that stage.",
            _ask,
            _judge,
            smoke=False,
        ),
    ),
)
