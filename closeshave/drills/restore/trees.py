"""What restoring files and restoring settings share: copies are made while something is written, directories are lost, and come back from the newest copy.

What is lost is moved aside, so that everything can be put back whatever happens, and so that what comes back can be compared with it. What the parts of
the environment write meanwhile is taken over when it is put back.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from closeshave.clock import now_ns
from closeshave.deployment import Deployment
from closeshave.drills import copies
from closeshave.drills.copies import Copied, CopyDamaged
from closeshave.drills.kind import DrillFailed, DrillStep, DrillWork, Facts
from closeshave.faults import proofs
from closeshave.faults.kind import Aim, Parameter, Proof, Say
from closeshave.faults.waiting import SECOND_NS
from closeshave.files import append_line, jsonfile, read_lines, write_atomically
from closeshave.history import ACKNOWLEDGED, LOSS_S, LOST, OLDEST_LOST, TIMED
from closeshave.plurals import counted

WRITE, LOSE, CHECK, RESTORE, COMPARE = "write while copies are made", "lose", "check the copy", "restore", "compare"
WRITTEN = "written.jsonl"
"""In the drill's directory of the run: each file that was written for it, with its checksum, noted once the disk had it."""
MARKS = "closeshave-drill"
"""The directory of these files, below the first of those that are lost."""
ASIDE, DISCARDED = ".lost", ".discarded"
"""What the names of directories end with that were lost, or restored and replaced by those again."""
COPIES_MADE = 3
WRITES_PER_S = 10.0
LOST_AT = 0.9
"""How much of an interval is over since the last copy when the directories are lost: just before the next one."""
BYTES_MAX = 1 << 30
COARSE_NS = 20_000_000
"""The clock of file systems is behind by up to a tick (10 ms at the most): a file that was changed this shortly before may have been changed after."""
STANDS_FOR = "stands_for"


def interval(default_s: int) -> Parameter:
    """How often a copy is made."""
    return Parameter("interval", float, default=default_s, about="A copy is made this often, in seconds.", at_least=0.2, at_most=600)


def stands_for(default_s: int) -> Parameter:
    """The interval of the platform."""
    return Parameter(
        STANDS_FOR,
        int,
        default=default_s,
        about="The interval in seconds of the platform that this one stands for, as evidence beside the figures. 0: itself.",
        at_most=604_800,
    )


@dataclass(frozen=True, slots=True)
class Restorable:
    """What is restored."""

    name: str
    """``files``; names the directory of the copies."""
    places: Callable[[Deployment], Sequence[str]]
    """The directories, as paths below the root; empty where there are none."""
    accepted: Callable[[Deployment], tuple[Proof, ...]]
    """Whether the parts of the environment accept what came back."""

    def copies(self, deployment: Deployment) -> Path:
        """Where the copies are: beside what is copied, and apart from it."""
        return Path(deployment.root) / "data" / f"copies-of-{self.name}"

    def marks(self, deployment: Deployment) -> str:
        """The directory of what is written for the drill, below the root."""
        return f"{self.places(deployment)[0]}/{MARKS}"

    def steps(self) -> tuple[DrillStep, ...]:
        """All of them, in order."""
        return (
            DrillStep(WRITE, self.write),
            DrillStep(LOSE, self.lose),
            DrillStep(CHECK, self.check),
            DrillStep(RESTORE, self.restore),
            DrillStep(COMPARE, self.compare),
        )

    def write(self, work: DrillWork) -> Facts:
        """Write one small file after the other, and make a copy of everything once in the interval; end just before the next copy."""
        deployment = work.aim.deployment
        interval_s = float(work.aim.parameters["interval"])
        root, marks = Path(deployment.root), self.marks(deployment)
        (root / marks).mkdir(exist_ok=True)
        began_ns, number, made = now_ns(), 0, 0
        ends_ns = began_ns + round((COPIES_MADE + LOST_AT) * interval_s * SECOND_NS)

        def goes_on() -> str:
            nonlocal number, made
            number += 1
            data = os.urandom(64 + number % 4096)
            path = f"{marks}/{number:06}"
            write_atomically(root / path, data)
            append_line(work.keeps / WRITTEN, {"path": path, "sha256": hashlib.sha256(data).hexdigest(), "acknowledged_ns": now_ns()})
            if now_ns() >= began_ns + round((made + 1) * interval_s * SECOND_NS) and made < COPIES_MADE:
                made += 1
                copies.make(root, self.places(deployment), self.copies(deployment), made)
            return "" if now_ns() >= ends_ns and made == COPIES_MADE else f"{counted(made, 'copy was', 'copies were')} made"

        work.until(goes_on, "not all copies were made", 1 / WRITES_PER_S)
        represents = float(work.aim.parameters[STANDS_FOR]) or interval_s
        return {"interval_s": interval_s, "stands_for_s": represents, "scale": represents / interval_s, "copies": made, "written": number}

    def lose(self, work: DrillWork) -> Facts:
        """Move every directory aside; an empty one takes its place, because the parts of the environment go on."""
        root, at_ns = Path(work.aim.deployment.root), now_ns()
        for place in self.places(work.aim.deployment):
            here = root / place
            told = here.stat()
            here.rename(_aside(here))
            here.mkdir(mode=told.st_mode & 0o7777)
            here.chmod(told.st_mode & 0o7777)
            if os.getuid() == 0:
                os.chown(here, told.st_uid, told.st_gid)
        return {"lost_ns": at_ns, TIMED: True}

    def check(self, work: DrillWork) -> Facts:
        """Choose the newest whole copy, and compare the checksum of each of its files."""
        copied = self._newest(work.aim.deployment)
        try:
            count = copies.check(self.copies(work.aim.deployment), copied)
        except CopyDamaged as error:
            raise DrillFailed(str(error)) from error
        return {"copy": copied.name, "began_ns": copied.began_ns, "began_wall_ns": copied.began_wall_ns, "files": count}

    def restore(self, work: DrillWork) -> Facts:
        """Write every file of the copy where it was."""
        copied = self._newest(work.aim.deployment)
        try:
            written = copies.restore(self.copies(work.aim.deployment), copied, Path(work.aim.deployment.root))
        except CopyDamaged as error:
            raise DrillFailed(str(error)) from error
        return {"files": len(copied.files), "bytes": written}

    def compare(self, work: DrillWork) -> Facts:
        """What was written and acknowledged before the loss and is not there: how many files, and since when."""
        root, lost_ns = Path(work.aim.deployment.root), int(str(work.facts[LOSE]["lost_ns"]))
        told = [line for line in read_lines(work.keeps / WRITTEN) if line["acknowledged_ns"] <= lost_ns]
        gone = [line for line in told if not (root / line["path"]).exists()]
        oldest_ns = min((int(line["acknowledged_ns"]) for line in gone), default=lost_ns)
        return {
            ACKNOWLEDGED: len(told),
            LOST: len(gone),
            LOSS_S: round((lost_ns - oldest_ns) / SECOND_NS, 3),
            OLDEST_LOST: str(gone[0]["path"]) if gone else None,
        }

    def proven(self, work: DrillWork) -> tuple[Proof, ...]:
        """By the checksums that were noted when each file was written, and by the directories that were lost; never by the copy's own list."""
        deployment = work.aim.deployment
        return (
            self._acknowledged(work),
            self._as_lost(deployment, int(str(work.facts[CHECK]["began_wall_ns"]))),
            *self.accepted(deployment),
        )

    def unfit(self, aim: Aim) -> str:
        """Unfit without such directories, while something of an earlier drill is left, or if they are too large to be copied again and again."""
        root = Path(aim.deployment.root)
        places = self.places(aim.deployment)
        if not places or not all((root / place).is_dir() for place in places):
            return f"this environment has no directory of {self.name}"
        if not (settled := self._settled(aim.deployment)).holds:
            return str(settled)
        size = sum((root / path).stat().st_size for path in copies.files_within(root, places))
        return "" if size <= BYTES_MAX else f"the {self.name} have {size >> 20} MiB; this drill copies at most {BYTES_MAX >> 20} MiB"

    def undo(self, aim: Aim, _deadline_ns: int, say: Say) -> tuple[str, ...]:
        """Put the lost directories back, with what was written since, and remove the copies and what was written for the drill."""
        root, done = Path(aim.deployment.root), []
        for place in self.places(aim.deployment):
            if _put_back(root / place):
                say(f"{place} is put back")
                done.append(f"put {place} back")
        for left in self._own(aim.deployment):
            if left.exists():
                shutil.rmtree(left)
                done.append(f"removed {left.name}")
        return tuple(done)

    def safe(self, aim: Aim) -> tuple[Proof, ...]:
        """Nothing of the drill is left, the directories are there, and customers are served."""
        return (self._settled(aim.deployment), *proofs.together([proofs.applications(aim.deployment), proofs.edges(aim.deployment)]))

    def _newest(self, deployment: Deployment) -> Copied:
        try:
            found = copies.newest(self.copies(deployment))
        except jsonfile.Damaged as error:
            raise DrillFailed(str(error)) from error
        if found is None:
            raise DrillFailed("there is no whole copy")
        return found

    def _own(self, deployment: Deployment) -> tuple[Path, ...]:
        """The directories that only this drill has made."""
        written = (Path(deployment.root) / self.marks(deployment),) if self.places(deployment) else ()
        return (*written, self.copies(deployment))

    def _settled(self, deployment: Deployment) -> Proof:
        root = Path(deployment.root)
        left = [
            str(each.relative_to(root))
            for place in self.places(deployment)
            for each in (_aside(root / place), _discarded(root / place))
            if each.exists()
        ]
        left += [str(each.relative_to(root)) for each in self._own(deployment) if each.exists()]
        missing = [place for place in self.places(deployment) if not (root / place).is_dir()]
        saw = "; ".join([*(f"{each} is left" for each in left), *(f"{each} is missing" for each in missing)])
        return Proof(f"nothing of a restore of {self.name} is left", not saw, saw or "nothing")

    def _acknowledged(self, work: DrillWork) -> Proof:
        """Every file that was acknowledged before the newest copy began is there, with the checksum that was noted then."""
        root, began_ns = Path(work.aim.deployment.root), int(str(work.facts[CHECK]["began_ns"]))
        due = [line for line in read_lines(work.keeps / WRITTEN) if line["acknowledged_ns"] < began_ns]
        wrong = [line["path"] for line in due if _sum_of(root / line["path"]) != line["sha256"]]
        what = f"each of {counted(len(due), 'file')} that {'was' if len(due) == 1 else 'were'} acknowledged before the copy is there with its checksum"
        saw = f"{counted(len(wrong), 'file')} of them {'is' if len(wrong) == 1 else 'are'} not, as {wrong[0]}" if wrong else "all of them"
        return Proof(what, bool(due) and not wrong, saw if due else "none was written")

    def _as_lost(self, deployment: Deployment, began_wall_ns: int) -> Proof:
        """Every file of the lost directories that was not changed since the copy began is there: the same bytes, permissions and owner."""
        root = Path(deployment.root)
        wrong, compared = [], 0
        for place in self.places(deployment):
            aside = _aside(root / place)
            for path in copies.files_within(aside, [""]):
                before, now = aside / path, root / place / path
                if before.stat().st_mtime_ns > began_wall_ns - COARSE_NS:
                    continue
                compared += 1
                if now.exists() and now.stat().st_mtime_ns > aside.stat().st_ctime_ns:
                    # Written by a part of the environment since the loss: that is newer than what was lost.
                    continue
                if difference := _difference(before, now):
                    wrong.append(f"{place}/{path} {difference}")
        what = f"each of {counted(compared, 'lost file')} from before the copy is there as it was: bytes, permissions, owner"
        return Proof(what, bool(compared) and not wrong, "; ".join(wrong[:3]) or ("all of them" if compared else "nothing was lost"))


def _put_back(here: Path) -> bool:
    """Replace what was restored by what was lost, with all that was written since; returns whether there was anything to do."""
    aside, discarded = _aside(here), _discarded(here)
    if aside.exists():
        if here.exists():
            lost_ns = aside.stat().st_ctime_ns
            for path in copies.files_within(here, [""]):
                # What was restored has the times of the copy.
                if (here / path).stat().st_mtime_ns > lost_ns and MARKS not in Path(path).parts:
                    (aside / path).parent.mkdir(parents=True, exist_ok=True)
                    # It may be gone or replaced at any moment by whoever wrote it.
                    with suppress(FileNotFoundError):
                        (here / path).replace(aside / path)
            shutil.rmtree(discarded, ignore_errors=True)
            here.rename(discarded)
        aside.rename(here)
        shutil.rmtree(discarded, ignore_errors=True)
        return True
    if discarded.exists():
        shutil.rmtree(discarded, ignore_errors=True)
        return True
    return False


def _aside(here: Path) -> Path:
    return here.with_name(here.name + ASIDE)


def _discarded(here: Path) -> Path:
    return here.with_name(here.name + DISCARDED)


def _difference(before: Path, now: Path) -> str:
    """How a file differs from the one that was lost; empty if it does not."""
    if not now.exists():
        return "is missing"
    if before.read_bytes() != now.read_bytes():
        return "has other content"
    then, there = before.stat(), now.stat()
    if (then.st_mode, then.st_uid, then.st_gid) != (there.st_mode, there.st_uid, there.st_gid):
        return "has other permissions or another owner"
    return ""


def _sum_of(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
