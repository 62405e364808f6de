"""What is asked of the read model in PostgreSQL, as text: each question along an index that was made for it.

What is always there stands in the text, the rest is put together from the filters that are given, so that none is a
condition for nothing and a planner sees what is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from duban.moves import Kind
from duban.texts import folded
from duban_console.accounts.facets import Facet
from duban_console.assessment.diagrams import Lamp
from duban_console.desk.grams import grams
from duban_console.desk.reader import LedgerFilters, MapBox, Stake, Wait
from duban_console.desk.rows import ENDED, NO_LIMIT
from duban_console.desk.sight import CitySight
from duban_console.desk.store import RECORD

#: The columns of a record as its row is made of them.
COLUMNS: Final = ", ".join(f"record.{column}" for column in (*RECORD, "milestones"))

#: How many problems are looked through one by one for a text, before it is looked up by its pairs.
WALK: Final = 10_000
#: By which keys the ledger is shown, and on which side of one the next lies.
BEYOND: Final = {"due_key": ">", "begun_at": "<"}


class Question:
    """A query that is put together: where the rows come from, conditions, and the values that stand in them."""

    def __init__(self, columns: str, source: str, *conditions: str) -> None:
        self.columns = columns
        self.values: list[Any] = []
        self._source = source
        self._conditions = list(conditions)

    def value(self, value: Any) -> str:
        """The place of ``value`` in the query; a NUL, which no text in a database has, becomes what stands nowhere."""
        self.values.append(value.replace("\0", "\ufffd") if isinstance(value, str) else value)
        return f"${len(self.values)}"

    def where(self, condition: str, *values: Any) -> None:
        """Have ``condition`` hold, in which ``{}`` stands for each of ``values``."""
        self._conditions.append(condition.format(*map(self.value, values)))

    def text(self, then: str = "") -> str:
        """The query, with what comes after its conditions; values alone are not of our own making."""
        return f"select {self.columns} from {self._source} where {' and '.join(self._conditions)} {then}"  # noqa: S608


def ledger_question(city: CitySight, filters: LedgerFilters, now: datetime, near: timedelta) -> Question:
    """The problems that pass ``filters`` and are there for who sees ``city``."""
    question = _problems(city, filters.jurisdiction)
    _filter(question, filters, now, near)
    if filters.text:
        if not _look_up(question, filters.text):
            question.where("false")
        _compare(question, city, filters.text)
    return question


def walk_question(
    city: CitySight,
    filters: LedgerFilters,
    now: datetime,
    near: timedelta,
    key: str,
    after: tuple[datetime, UUID] | None,
) -> Question:
    """The same among the next :data:`WALK` problems alone, in the order of ``key``, looked through one by one.

    Of a text that stands in many titles a page is full soon so, and the planner cannot know how many these are.
    """
    walked = Question("record.*", "console.desk_records as record", "record.kind = 'problem'")
    walked.where("record.jurisdiction = {}", filters.jurisdiction)
    for column, value in (("rule", filters.category), ("unit", filters.unit)):
        if value is not None:
            walked.where(f"record.{column} = {{}}", value)
    if after is not None:
        walked.where(f"(record.{key}, record.id) {BEYOND[key]} ({{}}, {{}})", *after)
    question = Question(COLUMNS, f"({walked.text(f'{in_order(key)} limit {WALK}')}) as record", "true")
    question.values = walked.values
    _see(question, city)
    _filter(question, filters, now, near)
    _compare(question, city, filters.text or "")
    return question


def in_order(key: str) -> str:
    """The order of the ledger by ``key``: what is due first, or what was registered last."""
    way = "asc" if BEYOND[key] == ">" else "desc"
    return f"order by record.{key} {way}, record.id {way}"


def _filter(question: Question, filters: LedgerFilters, now: datetime, near: timedelta) -> None:
    """Only what passes ``filters``, but for their text."""
    for column, value in (
        ("rule", filters.category), ("unit", filters.unit), ("channel", filters.channel), ("sponsor", filters.sponsor),
    ):  # fmt: skip
        if value is not None:
            question.where(f"record.{column} = {{}}", value)
    if filters.statuses:
        question.where("record.status = any({}::text[])", list(filters.statuses))
    if filters.begun_from is not None:
        question.where("record.begun_at >= {}", filters.begun_from)
    if filters.begun_before is not None:
        question.where("record.begun_at < {}", filters.begun_before)
    if filters.lamp is not None:
        _under(question, filters.lamp, now, near)
    if filters.closed:
        question.where("record.due_key = {}", ENDED)
    elif filters.closed is not None:
        question.where("record.closed_at is null")


def _problems(city: CitySight, jurisdiction: str) -> Question:
    question = Question(COLUMNS, "console.desk_records as record", "record.kind = 'problem'")
    question.where("record.jurisdiction = {}", jurisdiction)
    _see(question, city)
    return question


def _see(question: Question, city: CitySight) -> None:
    """Only problems that are there for who sees ``city``."""
    if Kind.PROBLEM not in city.whole:
        # Without a unit nothing is there: the array is empty, and overlaps with none.
        question.where("record.parties && {}::text[]", sorted(city.units) if Kind.PROBLEM in city.partly else [])


def _under(question: Question, lamp: Lamp, now: datetime, near: timedelta) -> None:
    match lamp:
        case Lamp.RED:
            question.where("record.due_key <= {}", now)
        case Lamp.YELLOW:
            question.where("record.due_key > {} and record.due_key <= {}", now, now + near)
        case Lamp.GREEN:
            question.where("record.due_key > {} and record.due_key < {}", now + near, NO_LIMIT)
        case Lamp.NONE:
            question.where("record.due_key = {}", NO_LIMIT)


def _look_up(question: Question, text: str) -> bool:
    """Only where each pair of characters in ``text`` stands; False, and nothing is left out, where it has none."""
    pairs = grams(folded(text))
    if pairs:
        question.where("record.grams @> {}::int[]", list(pairs))
    return bool(pairs)


def _compare(question: Question, city: CitySight, text: str) -> None:
    """Only where ``text`` stands in number or title; in the number alone, where any title is hidden."""
    place = "record.words" if city.always_shows(Facet.TEXT) else "split_part(record.words, E'\\n', 1)"
    question.where(f"strpos({place}, {{}}) > 0", folded(text))


def count_by_lamp(city: CitySight, filters: LedgerFilters, now: datetime, near: timedelta) -> Question:
    """How many open problems stand under each lamp, in one pass over them."""
    question = _problems(city, filters.jurisdiction)
    _filter(question, replace(filters, lamp=None, closed=False), now, near)
    if filters.text:
        _look_up(question, filters.text)  # of one character all that is open is looked through, which is not so much
        _compare(question, city, filters.text)
    red, yellow, none = map(question.value, (now, now + near, NO_LIMIT))
    question.columns = f"""
        count(*) filter (where record.due_key <= {red})::int as red,
        count(*) filter (where record.due_key > {red} and record.due_key <= {yellow})::int as yellow,
        count(*) filter (where record.due_key > {yellow} and record.due_key < {none})::int as green,
        count(*) filter (where record.due_key = {none})::int as none
    """
    return question


def _seen(question: Question, city: CitySight, kind: str = "record.kind") -> None:
    """Only records that are there for who sees ``city``."""
    if not city.partly:
        question.where(f"{kind} = any({{}}::text[])", sorted(city.whole))
        return
    question.where(
        f"({kind} = any({{}}::text[]) or ({kind} = any({{}}::text[]) and record.parties && {{}}::text[]))",
        sorted(city.whole), sorted(city.partly), sorted(city.units),
    )  # fmt: skip


_OF_WAIT: Final = "join console.desk_records as record on record.id = waiting.record_id"
WAIT_KEY: Final = "(waiting.due_key, waiting.since_at, waiting.record_id, waiting.wait, waiting.item)"


def inbox_question(city: CitySight, jurisdiction: str, waits: Sequence[Wait], unit: str | None) -> Question:
    """What waits in ``jurisdiction``."""
    question = Question(*_WAITS)
    question.where("waiting.jurisdiction = {}", jurisdiction)
    _seen(question, city)
    if len(waits) == 1:
        question.where("waiting.wait = {}", waits[0])
    elif waits:
        question.where("waiting.wait = any({}::text[])", list(waits))
    if unit is not None:
        question.where("{} = any(waiting.units)", unit)
    return question


def count_question(city: CitySight, jurisdiction: str, unit: str | None) -> Question:
    """How much waits in ``jurisdiction``, of each; the records are looked at only where not all of them are there."""
    source = f"console.desk_waits as waiting {_OF_WAIT if city.partly else ''}"
    question = Question("waiting.wait, count(*)", source)
    question.where("waiting.jurisdiction = {}", jurisdiction)
    _seen(question, city, "waiting.kind")
    if unit is not None:
        question.where("{} = any(waiting.units)", unit)
    return question


def call_question(city: CitySight, jurisdiction: str, unit: str) -> Question:
    """The measures that were told to ``unit``."""
    question = Question(*_CALLS)
    question.where("call.jurisdiction = {} and call.unit = {}", jurisdiction, unit)
    _seen(question, city)
    return question


def mine_question(city: CitySight, jurisdiction: str, unit: str, stakes: Sequence[Stake]) -> Question:
    """The stakes of ``unit``, in the kinds of records of which all of its own are there for who sees ``city``."""
    question = Question(*_STAKES)
    question.where("stake.jurisdiction = {} and stake.unit = {}", jurisdiction, unit)
    kinds = [kind for kind in Kind if city.may_see_unit(kind, unit)]
    question.where("stake.kind = any({}::text[])", kinds)
    if stakes:
        question.where("stake.stake = any({}::text[])", list(stakes))
    return question


def place_question(city: CitySight, jurisdiction: str, box: MapBox, category: str | None) -> Question:
    """The open problems in ``box`` of which the place is shown."""
    question = _problems(city, jurisdiction)
    question.where("record.closed_at is null and record.latitude is not null")
    question.where("record.latitude between {} and {}", box.south, box.north)
    question.where("record.longitude between {} and {}", box.west, box.east)
    if category is not None:
        question.where("record.rule = {}", category)
    if Kind.PROBLEM not in city.whole or city.hides(Facet.PLACE, Kind.PROBLEM, ()):
        units = [unit for unit in sorted(city.units) if not city.hides(Facet.PLACE, Kind.PROBLEM, (unit,))]
        question.where("record.parties && {}::text[]", units)
    return question


_WAITS: Final = (
    f"{COLUMNS}, waiting.wait, waiting.item, waiting.units as answering, waiting.since_at, waiting.due_key as owed_key",
    f"console.desk_waits as waiting {_OF_WAIT}",
)
_OF_STAKE: Final = (
    "stake.unit as of_unit, stake.stake, stake.due_key as owed_key, stake.obligation as owed, stake.measure, "
    "stake.next_at, stake.finished"
)
_STAKES: Final = (
    f"{COLUMNS}, {_OF_STAKE}",
    "console.desk_stakes as stake join console.desk_records as record on record.id = stake.record_id",
)
_CALLS: Final = (
    f"{COLUMNS}, call.version as told, call.unit as of_unit, call.measure, call.ground, call.owner, call.at",
    "console.desk_calls as call join console.desk_records as record on record.id = call.record_id",
)

#: Every unit that has had anything: $1 the city. One step of an index each, however much there is of each.
EVERY_UNIT: Final = """
    with recursive units (unit) as (
        (select unit from console.desk_turns where jurisdiction = $1 order by unit limit 1)
        union all
        select (
            select turn.unit from console.desk_turns as turn
            where turn.jurisdiction = $1 and turn.unit > units.unit order by turn.unit limit 1
        ) from units where units.unit is not null
    )
"""
_THESE_UNITS: Final = "with units (unit) as (select unnest($4::text[]))"
#: Of those that were given to it again, how many had been given to it in the period before: as below.
_REPEATED: Final = """
    count(*)::int as repeated from console.desk_turns as turn
    where {} and turn.again and turn.given_at >= $2 and turn.given_at < $3 and exists (
        select from console.desk_turns as earlier
        where earlier.record_id = turn.record_id and earlier.version < turn.version and earlier.unit = turn.unit
            and earlier.given_at >= $2
    )
"""
#: Of each unit, along one stretch of one index: $1 the city, $2 and $3 the period.
_OF_UNIT: Final = (
    "count(*)::int as received from console.desk_turns where {} and given_at >= $2 and given_at < $3",
    """
    count(*)::int as closed, count(*) filter (where lapses > 0)::int as closed_late
    from console.desk_turns where {} and closed_at >= $2 and closed_at < $3
    """,
    """
    count(*)::int as responses, percentile_cont(0.5) within group (order by answer) as middle,
        percentile_disc(0.9) within group (order by answer) as ninth_decile
    from console.desk_turns where {} and answered_at >= $2 and answered_at < $3
    """,
    """
    count(*)::int as resolutions, percentile_cont(0.5) within group (order by whole) as middle,
        percentile_disc(0.9) within group (order by whole) as ninth_decile
    from console.desk_turns where {} and completed_at >= $2 and completed_at < $3
    """,
)


def comparison(*, whole: bool) -> list[str]:
    """The queries that compare units: every one, or those of $4."""
    units = EVERY_UNIT if whole else _THESE_UNITS
    return [_of_each(units, query) for query in (*_OF_UNIT, _REPEATED)]


def _of_each(units: str, query: str) -> str:
    where = "jurisdiction = $1 and unit = units.unit"
    query = query.format(where)
    return f"{units} select units.unit, its.* from units cross join lateral (select {query}) as its"  # noqa: S608 - constant


#: Of every unit, what of the comparison is no sum: $1 the city, $2 and $3 the period.
REPEATED: Final = _of_each(EVERY_UNIT, _REPEATED)


#: By unit: $1 the city, $2 the units, or null for all of them, $3 now.
OPEN_BY_UNIT: Final = """
    select unit, count(*)::int as open, count(*) filter (where due_key <= $3)::int as overdue from console.desk_stakes
    where jurisdiction = $1 and ($2::text[] is null or unit = any($2)) and stake = 'lead'
    group by unit
"""
#: All together: $1 the city, $2 and $3 the period.
IN_ALL: Final = (
    """
    select count(*)::int as received from console.desk_records
    where kind = 'problem' and jurisdiction = $1 and begun_at >= $2 and begun_at < $3
    """,
    """
    select count(*)::int as closed, count(*) filter (where lapses > 0)::int as closed_late
    from console.desk_records
    where kind = 'problem' and jurisdiction = $1 and closed_at >= $2 and closed_at < $3
    """,
    f"""
    {EVERY_UNIT}
    select count(*)::int as responses, percentile_cont(0.5) within group (order by length) as middle,
        percentile_disc(0.9) within group (order by length) as ninth_decile
    from units cross join lateral (
        select answer_in_all as length from console.desk_turns
        where jurisdiction = $1 and unit = units.unit and answered_at >= $2 and answered_at < $3 offset 0
    ) as its
    """,  # noqa: S608 - constant
    f"""
    {EVERY_UNIT}
    select count(*)::int as resolutions, percentile_cont(0.5) within group (order by length) as middle,
        percentile_disc(0.9) within group (order by length) as ninth_decile
    from units cross join lateral (
        select whole_in_all as length from console.desk_turns
        where jurisdiction = $1 and unit = units.unit and completed_at >= $2 and completed_at < $3 offset 0
    ) as its
    """,  # noqa: S608 - constant
)
#: All together: $1 the city, $2 now.
OPEN_IN_ALL: Final = """
    select count(*)::int as open, count(*) filter (where due_key <= $2)::int as overdue from console.desk_records
    where kind = 'problem' and jurisdiction = $1 and due_key < '9999-12-30+00'
"""
#: What changed behind each of the instants in $3, as they come, and up to the next; number 0 is up to the first.
WEEKS: Final = """
    select width_bucket(midnight, array(
            select at + interval '1 microsecond' from unnest($3::timestamptz[]) as ends (at) order by at
        )) as number, lamp, sum(change)::int
    from console.desk_days where jurisdiction = $1 and unit = $2 group by 1, 2
"""
FRESHNESS: Final = """
    select rebuilding, (select max(newest_at) from console.desk_progress) as newest_at from console.desk_state
"""
