"""Plans: what a trial will do, read from YAML files into frozen values. No effects besides reading the files.

A plan names its environment and its target (:mod:`closeshave.target`), so that a promise is written once and many plans test it.

May import: files, operations, shapes, topology, vocabulary.
"""

from closeshave.plan.alerts import AlertsAsked, ExpectedAlert
from closeshave.plan.bounds import Aborts, Limits
from closeshave.plan.checks import not_by_people
from closeshave.plan.disruptions import Disruption, Drill, DrillBounds, Fault, Nemesis
from closeshave.plan.gates import GATE_SHARES, Gate, Waiver
from closeshave.plan.injects import GoCondition, Inject, LiveFigure
from closeshave.plan.load import PER_SESSION, Canaries, LocustFile, Traffic
from closeshave.plan.names import FAULT_KIND, PROBE
from closeshave.plan.phases import Expected, Phase, Role
from closeshave.plan.reading import read_plan
from closeshave.plan.rounds import ProbeRound, wrong_probes
from closeshave.plan.whole import Plan

__all__ = [
    "FAULT_KIND",
    "GATE_SHARES",
    "PER_SESSION",
    "PROBE",
    "Aborts",
    "AlertsAsked",
    "Canaries",
    "Disruption",
    "Drill",
    "DrillBounds",
    "Expected",
    "ExpectedAlert",
    "Fault",
    "Gate",
    "GoCondition",
    "Inject",
    "Limits",
    "LiveFigure",
    "LocustFile",
    "Nemesis",
    "Phase",
    "Plan",
    "ProbeRound",
    "Role",
    "Traffic",
    "Waiver",
    "not_by_people",
    "read_plan",
    "wrong_probes",
]
