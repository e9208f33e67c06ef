"""Load: users against requests, and where the requests of popular franchises go."""

from __future__ import annotations

from collections.abc import Iterator

from closeshave.claims import zipf
from closeshave.claims.finding import ClaimFinding, Severity, first, found, most, percent, short, span
from closeshave.report.words import ratio
from closeshave.target import Target

CONTRADICTION, REMARK = Severity.CONTRADICTION, Severity.REMARK


def requests_per_s(users: int, think_s: float, response_s: float) -> float:
    """The rate at which so many users send, each of them again after an answer and a think time: N / (Z + R).

    The interactive response time law: Denning and Buzen, The Operational Analysis of Queueing Network Models, ACM Computing Surveys 10(3), 1978.
    """
    return users / (think_s + response_s)


def users_and_rate(target: Target) -> Iterator[ClaimFinding]:
    """Whether the promised users send more than the promised rate."""
    users, rate, answer = most(target, "users"), most(target, "requests_per_s"), first(target, "response_time")
    think_s = target.assumes.think_time
    if users is None or users.says.users is None or (rate is None and think_s is None):
        return
    many, promised = users.says.users, rate.says.requests_per_s if rate is not None else None
    concerned, sentences, severity = [each for each in (users, rate) if each is not None], [], REMARK
    if rate is not None and promised is not None:
        sentences.append(
            f"{many:,} users ({users.claim}) at {short(promised)} requests/s ({rate.claim}) is one request for each user every {span(many / promised)}."
        )
    if think_s is not None:
        answer_s = answer.says.response_time or 0.0 if answer is not None else 0.0
        sends = requests_per_s(many, think_s, answer_s)
        waits = f" and answers after {span(answer_s)} ({answer.claim})" if answer is not None else ""
        concerned += [answer] if answer is not None else []
        who = "they" if sentences else f"{many:,} users ({users.claim})"
        text = f"With {span(think_s)} of think time{waits} {who} send {short(sends)} requests/s"
        if promised is None:
            text += ", and no promise says that this rate is served"
        elif sends > promised:
            severity = CONTRADICTION
            text += f", {short(sends / promised)} times what is promised"
        sentences.append(f"{text}.")
    yield found("users-and-rate", severity, concerned, " ".join(sentences))


def ranges_and_popularity(target: Target) -> Iterator[ClaimFinding]:
    """What the first shard carries if popularity follows the ranges."""
    shards, franchises, exponent = first(target, "shards"), first(target, "franchises"), target.assumes.zipf
    if shards is None or shards.says.sharded_by != "range" or franchises is None or not exponent:
        return
    parts, count = shards.says.shards or 1, franchises.says.franchises or 1
    if parts < 2 or count < parts:
        return
    share = zipf.head(count // parts, count, exponent)
    concerned, rate, more = [shards, franchises], most(target, "requests_per_s"), ""
    if rate is not None and rate.says.requests_per_s is not None:
        concerned.append(rate)
        more = f", {short(share * rate.says.requests_per_s)} of the {short(rate.says.requests_per_s)} requests/s ({rate.claim})"
    sentence = (
        f"Shards by ranges of IDs ({shards.claim}) share the load evenly only if popularity is independent of the ID. If the franchises with low IDs "
        f"are the popular ones (Zipf, exponent {exponent:g}, {count:,} franchises, {franchises.claim}), shard 1 of {parts} gets {percent(share)} of the "
        f"requests instead of {percent(1 / parts)}{more}. Plans should try both (traffic.popular_ids)."
    )
    yield found("ranges-and-popularity", REMARK, concerned, sentence)


def errors_and_availability(target: Target) -> Iterator[ClaimFinding]:
    """An error rate that allows another share than the availability does."""
    errors, promised = first(target, "error_rate"), first(target, "availability")
    if errors is None or promised is None or errors.says.error_rate is None or promised.says.availability is None:
        return
    allowed, bad = errors.says.error_rate, 1 - promised.says.availability
    if abs(allowed - bad) <= 1e-9:
        return
    loose, tight = (errors, promised) if allowed > bad else (promised, errors)
    sentence = (
        f"{errors.claim} allows {ratio(allowed)} of errors, {promised.claim} allows {ratio(bad)} of requests that are not good: {loose.claim} is kept "
        f"whenever {tight.claim} is, and adds nothing."
    )
    yield found("errors-and-availability", REMARK, (errors, promised), sentence)
