"""An account is locked after failed log-ins."""

from __future__ import annotations

from collections.abc import Sequence

from closeshave.probes import people
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import Unclear, settled
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import ProbeScene
from closeshave.probes.values import Observation, ProbeFinding, ProbeReach

ATTEMPTS = 20
"""Wrong passwords in a row; common limits are 5 and 10 (OWASP ASVS 4.0, 2.2.1, allows at most 100 in an hour)."""
SUBJECT = "an account of the probe's own"


def _ask(scene: ProbeScene) -> None:
    account = people.registered(scene, scene.regions[0])

    def log_in(password: str) -> int:
        # Each from an address of its own: a limit per address is no lockout.
        return scene.call("login", scene.nobody(account.region), email=account.email, password=password).status

    before = log_in(account.password)
    wrong = [log_in(f"wrong password {number}") for number in range(ATTEMPTS)]
    asked = f"{ATTEMPTS} wrong passwords, each from another address, then the right one"
    scene.see(SUBJECT, asked, {"before": before, "wrong": wrong, "after": log_in(account.password)})


def _judge(seen: Sequence[Observation], _basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        before, failed, after = (one.saw.get(name) for name in ("before", "wrong", "after"))
        if before != 200:
            return Unclear(f"the right password was answered {before} before anything was tried")
        if not isinstance(failed, list) or len(failed) < ATTEMPTS:
            return Unclear("not every wrong password was tried")
        if any(code == 200 for code in failed):
            return "a wrong password was accepted"
        if not isinstance(after, int) or after == 0 or after >= 500:
            return Unclear(f"the right password was answered {after}")
        # Where the right one is refused then, it does not matter how many it took.
        if after == 200 and (lost := sum(not isinstance(code, int) or code == 0 or code >= 500 for code in failed)):
            return Unclear(f"{lost} of {ATTEMPTS} wrong passwords were not looked at: no answer, or one of a platform that fails")
        return f"after {ATTEMPTS} wrong passwords the right one is accepted: no lockout" if after == 200 else ""

    return settled(seen, [SUBJECT], wrong, f"the right password is refused after {ATTEMPTS} wrong ones")


FAMILY = ProbeFamily(
    "lockout",
    "An account is locked after failed log-ins.",
    (
        PromiseProbe(
            "lockout.after-failed-logins",
            ("P09",),
            f"An account of the probe's own gets {ATTEMPTS} wrong passwords, each from another address: then the right one is refused.",
            _ask,
            _judge,
            reach=ProbeReach.STRAINS,
            smoke=False,
            needs=("login", "register", "forwarded_for"),
        ),
    ),
)
