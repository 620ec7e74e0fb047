"""Reporting the figures of the made-up group, week by week."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from okr_service.access.policy import Principal
from okr_service.checkins.service import record_check_in, record_check_ins
from okr_service.checkins.shapes import NewCheckIn
from okr_service.demo import group
from okr_service.demo.course import Figure, Span, course, planned_share, said, spelt
from okr_service.demo.sketch import Goal, Measure
from okr_service.kernel.database import Transaction
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import EXTERNAL
from okr_service.objectives.shapes import Confidence, Metric

_AT = time(9, tzinfo=UTC)
_A_WEEK = timedelta(7)
_MISTAKEN = "MT-GACH-01/KR2"
_COMMENTED, _WITH_WORDS, _SELDOM = 0.6, 0.6, 0.04


@dataclass(frozen=True)
class Asked:
    """A key result that is reported on: its goal and days, who reports, whose chance."""

    key: str
    measure: Measure
    goal: Goal
    span: Span
    before: date
    owner: str
    rng: Random


async def report(tx: Transaction, who: Principal, asked: Sequence[Asked]) -> None:
    """Record all check-ins up to the day, one of them by mistake and then corrected."""
    figures = {one.key: course(one.measure, one.span, one.before, one.rng) for one in asked}
    batch = [
        _check_in(one, figure)
        for one in asked
        for figure in (_summed(one, figures) if one.key == group.SUMMED else figures[one.key])
    ]
    if not batch:
        return
    # Everybody reports in the order of the days, as they would have.
    batch.sort(key=lambda new: (str(new.observed_at), new.key_result_id))
    mistaken = [n for n, new in enumerate(batch) if new.key_result_id == EXTERNAL + _MISTAKEN]
    place = mistaken[len(mistaken) // 2]
    right = batch[place]
    batch[place] = right.model_copy(update={"value": right.value * 10})
    recorded = await record_check_ins(tx, who, batch)
    corrected = {"voids_id": recorded[place].id, "comment": group.CORRECTION}
    await record_check_in(tx, who, right.model_copy(update=corrected))


def _summed(asked: Asked, figures: Mapping[str, Sequence[Figure]]) -> Iterator[Figure]:
    for parts in zip(*(figures[key] for key in group.SUMMANDS), strict=True):
        day, value = parts[0].day, sum((part.value for part in parts), Decimal(0))
        planned = planned_share(asked.measure, asked.span, day)
        yield Figure(day, value, said(value / (asked.measure.target or 1), planned))


def _check_in(asked: Asked, figure: Figure) -> NewCheckIn:
    rng, confidence = asked.rng, figure.confidence
    following = figure.day + _A_WEEK
    worried = _SELDOM if confidence is Confidence.ON_TRACK else _WITH_WORDS
    return NewCheckIn(
        key_result_id=Ref(EXTERNAL + asked.key),
        value=figure.value,
        observed_at=datetime.combine(figure.day, _AT),
        confidence=confidence,
        comment=_comment(asked, figure) if rng.random() < _COMMENTED else "",
        obstacles=rng.choice(group.OBSTACLES[confidence]) if rng.random() < worried else "",
        next_steps=rng.choice(group.NEXT_STEPS[confidence]) if rng.random() < worried else "",
        next_check_in_date=following if following <= asked.span.last else None,
        author_id=Ref(EXTERNAL + asked.owner),
    )


def _comment(asked: Asked, figure: Figure) -> str:
    measure = asked.measure
    if measure.metric is Metric.BOOLEAN:
        return group.DONE if figure.value else group.NOT_DONE
    target = measure.target or Decimal(0)
    words = group.ADDED_UP if measure.accumulates else group.AT_LEVEL
    percent = round(100 * figure.value / target) if target else 0
    value, wanted = spelt(measure, figure.value), spelt(measure, target)
    return asked.rng.choice(words).format(value=value, target=wanted, percent=percent)
