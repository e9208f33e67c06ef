"""Recovery: what an outage costs of the error budget, and the times of failover, alerts, backups and rebuilding beside the recovery that is promised."""

from __future__ import annotations

from collections.abc import Iterator

from closeshave.claims.finding import ClaimFinding, Figure, Promises, Severity, about, figures, first, found, least, most, percent, span
from closeshave.report.words import ratio
from closeshave.target import Target

CONTRADICTION, REMARK = Severity.CONTRADICTION, Severity.REMARK


def budget_s(availability: float, over_s: float) -> float:
    """The outage that an availability allows, in seconds: what is not good of the whole time.

    A share of requests is the same share of the time if the rate of requests is steady (https://sre.google/workbook/error-budget-policy/).
    """
    return (1 - availability) * over_s


def burnt(outage_s: float, affected: float, availability: float, over_s: float) -> float:
    """The part of the error budget that an outage burns which ``affected`` (0 to 1) of the requests meet; infinite where nothing is allowed."""
    allowed_s = budget_s(availability, over_s)
    return outage_s * affected / allowed_s if allowed_s > 0 else float("inf")


def budget_and_recovery(target: Target) -> Iterator[ClaimFinding]:
    """Whether one outage that is recovered from in time leaves anything of the error budget."""
    said = (each for each in figures(target, "availability") if not each.says.of)
    promised = min(said, key=lambda each: budget_s(each.says.availability or 0.0, each.says.over_s), default=None)
    if promised is None or promised.says.availability is None:
        return
    share, over_s = promised.says.availability, promised.says.over_s
    shards = first(target, "shards")
    for each in figures(target, "rto"):
        rto_s = each.says.rto or 0.0
        if each.says.failover is not None:
            # Inside the recovery that is promised anyhow.
            continue
        whole = burnt(rto_s, 1.0, share, over_s)
        concerned = [promised, each]
        sentence = (
            f"{ratio(share)} over {span(over_s)} ({promised.claim}) allows {span(budget_s(share, over_s))} of outage. One full outage"
            f"{about(each.says)} that takes all of {each.claim}'s {span(rto_s)} burns {_burnt(whole)} of it"
        )
        if shards is not None and shards.says.shards is not None and shards.says.shards > 1 and not each.says.of:
            concerned.append(shards)
            part = burnt(rto_s, 1 / shards.says.shards, share, over_s)
            sentence += f"; an outage of one shard of {shards.says.shards} ({shards.claim}) burns {_burnt(part)}"
        yield found("budget-and-recovery", CONTRADICTION if whole > 1 else REMARK, concerned, f"{sentence}.")


def _burnt(part: float) -> str:
    return "infinitely much" if part == float("inf") else percent(part)


def failover_and_recovery(target: Target) -> Iterator[ClaimFinding]:
    """A failover that may take longer than the recovery of which it is a part."""
    recovery = least(target, "rto")
    for each in figures(target, "failover", "rto"):
        if recovery is not None and (each.says.rto or 0.0) > (limit_s := recovery.says.rto or 0.0):
            sentence = (
                f"A failover to another {each.says.failover} may take {span(each.says.rto or 0.0)} ({each.claim}), but everything is promised to be "
                f"recovered within {span(limit_s)} ({recovery.claim})."
            )
            yield found("failover-and-recovery", CONTRADICTION, (each, recovery), sentence)


def rebuild_and_recovery(target: Target) -> Iterator[ClaimFinding]:
    """A rebuilding that may take longer than the recovery."""
    recovery, rebuilding = least(target, "rto"), most(target, "rebuilt_within")
    if recovery is None or rebuilding is None:
        return
    limit_s, rebuilt_s = recovery.says.rto or 0.0, rebuilding.says.rebuilt_within or 0.0
    if rebuilt_s > limit_s:
        sentence = (
            f"Building the infrastructure anew may take {span(rebuilt_s)} ({rebuilding.claim}), longer than the recovery of {span(limit_s)} "
            f"({recovery.claim}): no failure that needs it can be recovered from in time."
        )
        yield found("rebuild-and-recovery", REMARK, (rebuilding, recovery), sentence)


def alert_and_recovery(target: Target) -> Iterator[ClaimFinding]:
    """An alert that may come when everything should be over."""
    recovery, alert = least(target, "rto"), most(target, "alert_within")
    if recovery is None or alert is None:
        return
    limit_s, alert_s = recovery.says.rto or 0.0, alert.says.alert_within or 0.0
    if alert_s >= limit_s:
        sentence = (
            f"An alert may come {span(alert_s)} after the fault ({alert.claim}), and the recovery is due after {span(limit_s)} ({recovery.claim}): "
            "a recovery that waits for the alert is too late, so none may need a person."
        )
        yield found("alert-and-recovery", REMARK, (alert, recovery), sentence)


def backup_and_loss(several: tuple[Promises, ...]) -> Iterator[ClaimFinding]:
    """Backups that are further apart than the loss that is promised, also by another target of the same product."""
    for one in several:
        for backup in figures(one.target, "backup_interval"):
            yield from _behind(one.target, backup)
            if backup.says.rpo is not None:
                yield from _elsewhere(backup, one.target, several)


def _behind(target: Target, backup: Figure) -> Iterator[ClaimFinding]:
    """Loss windows of the same target. One in the same statement rests on these backups; any other may rest on replication."""
    interval_s = backup.says.backup_interval or 0.0
    for loss in figures(target, "rpo"):
        rpo_s = loss.says.rpo or 0.0
        if loss.says.of != backup.says.of:
            continue
        concerned = (backup, loss)
        if loss.says is backup.says:
            if interval_s > rpo_s:
                sentence = f"Backups every {span(interval_s)} lose up to {span(interval_s)}, more than the {span(rpo_s)} that {loss.claim} promises."
                yield found("backup-and-loss", CONTRADICTION, concerned, sentence)
            elif interval_s == rpo_s:
                sentence = (
                    f"Backups every {span(interval_s)} cannot lose less than {span(rpo_s)}, all that {loss.claim} allows: the time that a backup "
                    "takes, or a single one that fails, is too much."
                )
                yield found("backup-and-loss", REMARK, concerned, sentence)
        elif interval_s > rpo_s:
            sentence = (
                f"A restore from backups that are {span(interval_s)} apart ({backup.claim}) loses up to {span(interval_s)}, and {loss.claim} "
                f"allows {span(rpo_s)}: it can only be kept by replication, and not where a replica is lost or wrong too."
            )
            yield found("backup-and-loss", REMARK, concerned, sentence)


def _elsewhere(backup: Figure, target: Target, several: tuple[Promises, ...]) -> Iterator[ClaimFinding]:
    """Loss windows that other targets of the product promise, against backups on which one rests."""
    others = [
        each.target for each in several if target.product and each.target.product == target.product and each.target.name != target.name
    ]
    interval_s = backup.says.backup_interval or 0.0
    beaten = [loss for other in others for loss in figures(other, "rpo") if not loss.says.of and (loss.says.rpo or 0.0) < interval_s]
    if beaten:
        promised = ", ".join(f"{each.target} promises {span(each.says.rpo or 0.0)} ({each.claim})" for each in beaten)
        sentence = (
            f"{target.name}'s backups every {span(interval_s)} ({backup.claim}) cannot lose less than that; of the same product {promised}."
        )
        yield found("backup-and-loss", CONTRADICTION, (backup, *beaten), sentence)
