"""What happened over whole months, as questions: by step, as ``desk_months`` has it, and the lengths of certain ranks.

Whole months are counted already; what lies before and behind them in the period is counted one by one. In all of these
$1 is the city, $2 and $3 the period, $4 and $5 the instants between which its whole months lie, $6 their first days; of
what is looked for by rank, $7 to $10 are unit, step, how many of that step are shorter, and how many are wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from duban_console.desk.questions import EVERY_UNIT


@dataclass(frozen=True, slots=True)
class WholeMonths:
    """The months in UTC, by their first days, that lie within a period as a whole: from ``first_at`` to ``end_at``."""

    days: tuple[date, ...]
    first_at: datetime
    end_at: datetime


def whole_months(from_at: datetime, before: datetime, *, nothing_behind: bool) -> WholeMonths:
    """The whole months between ``from_at`` and ``before``, perhaps none.

    With ``nothing_behind``, the one in which ``before`` lies is as good as a whole one.
    """
    starts = [_month(from_at)]
    if starts[0] < from_at:
        starts = [_following(starts[0])]
    while starts[-1] < before and (nothing_behind or _following(starts[-1]) <= before):
        starts.append(_following(starts[-1]))
    return WholeMonths(tuple(at.date() for at in starts[:-1]), starts[0], starts[-1])


@dataclass(frozen=True, slots=True)
class MonthQuestion:
    """Of one sort: how many there are in each step; and, where steps are of lengths, those of certain ranks."""

    sort: str
    steps: str
    ranked: str = ""


def _of_units(sort: str, at: str, step: str, length: str = "") -> MonthQuestion:
    """By unit, along one stretch of one index for each."""
    edges = " union all ".join(
        f"""
        select units.unit, edge.step, edge.count from units cross join lateral (
            select {step} as step, count(*)::int as count from console.desk_turns
            where jurisdiction = $1 and unit = units.unit and {edge} group by 1
        ) as edge
        """  # noqa: S608 - constant
        for edge in _edges(at)
    )
    steps = f"""
        {EVERY_UNIT}
        select unit, step, sum(count)::int as count from (
            select unit, step, count from console.desk_months
            where jurisdiction = $1 and sort = '{sort}' and month = any($6::date[]) and unit > ''
            union all {edges}
        ) as its
        group by unit, step having sum(count) > 0
    """  # noqa: S608 - constant
    whole = f"{at} is not null and console.desk_month({at}) = any($6::date[])"
    ranked = " union all ".join(
        f"""
        select {length} as length from console.desk_turns
        where jurisdiction = $1 and unit = ranked.unit and {stretch} and {step} = ranked.step
        """  # noqa: S608 - constant
        for stretch in (whole, *_edges(at))
    )
    return MonthQuestion(sort, steps, _at_ranks(ranked) if length else "")


def _of_lengths_in_all(sort: str, at: str, step: str, length: str) -> MonthQuestion:
    """Of all units together: how long it took since the registration."""
    counted, listed = (
        " union all ".join(
            f"""
            select {columns} from units cross join lateral (
                select {step} as step, {length} as length from console.desk_turns
                where jurisdiction = $1 and unit = units.unit and {edge}
            ) as edge {chosen}
            """  # noqa: S608 - constant
            for edge in _edges(at)
        )
        for columns, chosen in (("step, 1", ""), ("length", "where edge.step = ranked.step"))
    )
    ranked = f"""
        select {length} as length from console.desk_turns
        where jurisdiction = $1 and {at} is not null and console.desk_month({at}) = any($6::date[])
            and {step} = ranked.step
        union all {listed}
    """  # noqa: S608 - constant
    return MonthQuestion(sort, f"{EVERY_UNIT} {_sums(sort, counted)}", f"{EVERY_UNIT} {_at_ranks(ranked)}")


def _of_records(sort: str, at: str, step: str) -> MonthQuestion:
    """Of all problems."""
    edges = " union all ".join(
        f"select {step}, 1 from console.desk_records where kind = 'problem' and jurisdiction = $1 and {edge}"  # noqa: S608
        for edge in _edges(at)
    )
    return MonthQuestion(sort, _sums(sort, edges))


def _edges(at: str) -> tuple[str, str]:
    return f"{at} >= $2 and {at} < $4", f"{at} >= $5 and {at} < $3"


def _sums(sort: str, edges: str) -> str:
    """By step, of the whole city."""
    return f"""
        select '' as unit, step, sum(count)::int as count from (
            select step, count from console.desk_months
            where jurisdiction = $1 and sort = '{sort}' and month = any($6::date[]) and unit = ''
            union all {edges}
        ) as its
        group by step having sum(count) > 0
    """  # noqa: S608 - constant


def _at_ranks(lengths: str) -> str:
    return f"""
        select ranked.*, array({lengths} order by length offset ranked.skip limit ranked.count)
        from unnest($7::text[], $8::int[], $9::int[], $10::int[]) as ranked (unit, step, skip, count)
    """  # noqa: S608 - constant


def _month(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _following(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


_LATE: Final = "(lapses > 0)::int"
#: Of each unit.
OF_UNITS: Final = (
    _of_units("received", "given_at", "0"),
    _of_units("closed", "closed_at", _LATE),
    _of_units("answer", "answered_at", "console.desk_step(answer)", "answer"),
    _of_units("whole", "completed_at", "console.desk_step(whole)", "whole"),
)
#: Of the whole city.
OF_CITY: Final = (
    _of_records("received", "begun_at", "0"),
    _of_records("closed", "closed_at", _LATE),
    _of_lengths_in_all("answer", "answered_at", "console.desk_step(answer_in_all)", "answer_in_all"),
    _of_lengths_in_all("whole", "completed_at", "console.desk_step(whole_in_all)", "whole_in_all"),
)
#: Whether anything happened at $2 or later in the city $1.
BEHIND: Final = f"""
    {EVERY_UNIT}
    select exists (
        select from console.desk_records where kind = 'problem' and jurisdiction = $1 and begun_at >= $2
    ) or exists (
        select from console.desk_records where kind = 'problem' and jurisdiction = $1 and closed_at >= $2
    ) or exists (
        select from units where exists (
            select from console.desk_turns where jurisdiction = $1 and unit = units.unit and given_at >= $2
        ) or exists (
            select from console.desk_turns where jurisdiction = $1 and unit = units.unit and closed_at >= $2
        ) or exists (
            select from console.desk_turns where jurisdiction = $1 and unit = units.unit and answered_at >= $2
        ) or exists (
            select from console.desk_turns where jurisdiction = $1 and unit = units.unit and completed_at >= $2
        )
    )
"""  # noqa: S608 - constant
