"""A region is cut off under write load and joined again: its own acknowledged writes are lost with asynchronous replication, and none with
synchronous.
"""

from pathlib import Path

import pytest
from rich.console import Console

from closeshave import history
from closeshave.conclusion import conclude
from closeshave.files.shipped import locate
from closeshave.trial import running
from closeshave.trial.display import Display
from closeshave.trial.preparation import prepare

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]
SYNCHRONOUS = {False: "synchronous_mode: false", True: "synchronous_mode: true"}


def partitioned(tmp_path, *, synchronous):
    """The shipped plan on the shipped environment, but for the way in which it replicates; returns the run and its conclusion."""
    text = locate("environments", "containers").read_text()
    assert text.count(SYNCHRONOUS[False]) == 1
    environment = tmp_path / "containers.yaml"
    environment.write_text(text.replace(SYNCHRONOUS[False], SYNCHRONOUS[synchronous]))
    run = running.run(prepare("partition", environment=str(environment)), tmp_path / "runs", Display(Console(width=200)))
    return run, conclude(run)


def acknowledged_alone(run):
    """Writes that a customer or canary was told of, and that only the old primary held when it was read before it was joined again.

    Counted from the files, by nothing that the judges count by: a booking that was made there and is nowhere else, or one that was cancelled there
    and stands.
    """
    told = history.load(run)
    assert told.bookings is not None
    assert told.diverged is not None, "nobody read the two sides"
    writes = told.effects.merge(told.operations[["id", "outcome"]], left_on="operation", right_on="id")
    writes = writes[writes["outcome"] == "ok"]
    final = {(row["franchise"], row["booking"]): row["status"] for row in told.bookings.to_dict("records")}
    alone: dict[tuple[int, int], set[str]] = {}
    for row in told.diverged.to_dict("records"):
        alone.setdefault((row["franchise"], row["booking"]), set()).add(row["status"])
    lost = 0
    for write in writes[writes["booking"].notna()].to_dict("records"):
        booking = (write["franchise"], write["booking"])
        if booking not in alone:
            continue
        made = write["action"] == "create" and booking not in final
        stands = write["action"] == "cancel" and "cancelled" in alone[booking] and final.get(booking, "cancelled") != "cancelled"
        lost += made or stands
    return lost


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("synchronous", [False, True], ids=["asynchronous", "synchronous"])
def test_the_judge_counts_the_rows_of_the_old_side_alone(tmp_path, synchronous):
    """The rows of both sides, counted separately, agree with the judge; no split brain, and nothing else was broken."""
    run, conclusion = partitioned(tmp_path, synchronous=synchronous)
    verdicts = {verdict.id: verdict for verdict in conclusion.assessment.verdicts}
    Console(width=200).print(*((verdict.id, verdict.status, verdict.measured, verdict.reason) for verdict in verdicts.values()), sep="\n")
    [fault] = conclusion.assessment.faults
    assert fault.lost_writes == acknowledged_alone(run)
    assert (fault.lost_writes > 0) is not synchronous
    assert (fault.split_brain_writes, verdicts["split-brain/us-west-2-partitioned"].status) == (0, "pass")
    assert conclusion.assessment.integrity.breaches["lost"] == 0
    assert verdicts["loss/us-west-2-partitioned"].status == "pass"
    assert verdicts["recovery/us-west-2-partitioned"].status == "pass"
    assert Path(run, history.DIVERGED_FILE).exists()
