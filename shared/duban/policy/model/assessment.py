"""What a pack says of assessment (考核) and bulletins (通报): indicators with weights, and reports with columns. Pure.

What each indicator measures is written beside its name here, what each column does in
:mod:`duban.policy.model.bulletin_columns`; :mod:`duban_console.assessment` counts it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from string import Formatter
from typing import Final

from pydantic import Field, model_validator

from duban.calendar import Within
from duban.moves import Stage
from duban.policy.model.bulletin_columns import FITTING, USUAL, BulletinKind, Column
from duban.policy.model.entry import Founded, Id, Name, Text, Written
from duban.policy.template import overdone
from duban.sentence import Sentence, in_chinese, listed


class IndicatorKind(StrEnum):
    """What can be measured of a unit over a period. Times are medians in hours, rates are percentages."""

    TIME_TO_FIND = "time_to_find"  #: observed → reported, hours by the clock, in the unit's territory
    TIME_TO_RESPOND = "time_to_respond"  #: given to the unit → acknowledged by it, working hours
    TIME_TO_RESOLVE = "time_to_resolve"  #: working hours in the unit's own hands until completed
    ON_TIME_RATE = "on_time_rate"  #: obligations met within the limit as first set
    KEPT_RATE = "kept_rate"  #: obligations met within the limit as extended or paused
    SATISFACTION = "satisfaction"  #: ratings of reporters, over all that were given
    FEEDBACK_RATE = "feedback_rate"  #: closed problems whose reporter was answered
    FOUND_BY_OTHERS_FIRST = "found_by_others_first"  #: problems of the territory that came by others' channels
    COVERAGE = "coverage"  #: areas of the territory from which an own channel reported anything
    DUTY_RATE = "duty_rate"  #: duties of the calendar submitted in time: patrol accounts, inspections, progress calls
    REBOUND_RATE = "rebound_rate"  #: problems struck off that were taken up again
    SENT_BACK_RATE = "sent_back_rate"  #: completions that a reviewer did not pass
    HAND_BACK_RATE = "hand_back_rate"  #: problems given to the unit that it handed back
    LAST_MOMENT_RATE = "last_moment_rate"  #: obligations met in the last tenth of their limit
    TARGET_RATE = "target_rate"  #: targets of the unit that its last reading within the period reached, of those read
    COPIED_NOTE_RATE = (
        "copied_note_rate"  #: notes that stand, as names are compared, at another problem of the unit too
    )


TIMES: Final = frozenset({IndicatorKind.TIME_TO_FIND, IndicatorKind.TIME_TO_RESPOND, IndicatorKind.TIME_TO_RESOLVE})
#: The more, the better; of all others the less.
MORE_IS_BETTER: Final = frozenset(
    {
        IndicatorKind.ON_TIME_RATE,
        IndicatorKind.KEPT_RATE,
        IndicatorKind.SATISFACTION,
        IndicatorKind.FEEDBACK_RATE,
        IndicatorKind.COVERAGE,
        IndicatorKind.DUTY_RATE,
        IndicatorKind.TARGET_RATE,
    }
)


class Indicator(Founded):
    """One thing that is assessed: full marks at ``full_at`` and beyond, none at ``zero_at``, in proportion between.

    Of ``duty_rate``, ``duties`` says which duties count; without it, all that the unit owes. Of ``target_rate``,
    ``targets`` says which targets count; without it, all that the unit answers for.
    """

    id: Id
    kind: IndicatorKind
    duties: tuple[Id, ...] = ()
    targets: tuple[Id, ...] = ()
    title: Text
    weight: int = Field(gt=0, le=100)
    full_at: float = Field(ge=0, allow_inf_nan=False)
    zero_at: float = Field(ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _points_the_right_way(self) -> Indicator:
        if self.kind not in TIMES and max(self.full_at, self.zero_at) > 100:
            raise ValueError(
                Sentence(
                    f"{self.kind} is a percentage: full_at and zero_at lie from 0 to 100",
                    f"{self.kind} 是百分比：full_at 和 zero_at 在 0 至 100 之间",
                )
            )
        more = self.kind in MORE_IS_BETTER
        if (self.full_at > self.zero_at) != more or self.full_at == self.zero_at:
            raise ValueError(
                Sentence(
                    f"of {self.kind}, {'more' if more else 'less'} is better: full_at must be on that side",
                    f"{self.kind} 越{'高' if more else '低'}越好：full_at 须在较{'高' if more else '低'}的一侧",
                )
            )
        if self.duties and self.kind is not IndicatorKind.DUTY_RATE:
            raise ValueError(
                Sentence(
                    f"{self.kind} does not count duties; leave `duties` out",
                    f"{self.kind} 不统计任务；请勿写 `duties`",
                )
            )
        if self.targets and self.kind is not IndicatorKind.TARGET_RATE:
            raise ValueError(
                Sentence(
                    f"{self.kind} does not count targets; leave `targets` out",
                    f"{self.kind} 不统计目标；请勿写 `targets`",
                )
            )
        return self


class Deduction(Founded):
    """Points (扣分) that each of ``measures`` takes from the score of the unit against which it is taken.

    A measure counts each time that it is released within the period, never while it waits for approval. ``at_most``:
    no more than so many points together.
    """

    id: Id
    title: Text
    measures: tuple[Id, ...] = Field(min_length=1)
    points: float = Field(gt=0, le=100, allow_inf_nan=False)
    at_most: float | None = Field(default=None, gt=0, le=100, allow_inf_nan=False)

    @model_validator(mode="after")
    def _takes_at_most(self) -> Deduction:
        if self.at_most is not None and self.at_most < self.points:
            raise ValueError(
                Sentence(
                    f"takes {self.points:g} points each time, more than it may at most, {self.at_most:g}",
                    f"每次扣 {self.points:g} 分，超过了最多可扣的 {self.at_most:g} 分",
                )
            )
        return self


class Assessment(Founded):
    """How units are scored: indicators whose weights sum to 100, less what ``deductions`` take from the sum.

    ``own_channels`` are those by which an area finds its own problems; what comes by any other was found by others
    first. The assessed are ``units``, in the order of the document, and every unit with one of ``roles``; without
    either, whoever had something to do. A unit of whom less weight than ``least_measured`` could be measured has a
    score, but no rank.
    """

    indicators: tuple[Indicator, ...] = Field(min_length=1)
    deductions: tuple[Deduction, ...] = ()
    own_channels: tuple[Name, ...] = ()
    units: tuple[Name, ...] = ()
    roles: tuple[Id, ...] = ()
    least_measured: int = Field(default=50, ge=1, le=100)

    @model_validator(mode="after")
    def _whole(self) -> Assessment:
        total = sum(indicator.weight for indicator in self.indicators)
        if total != 100:
            raise ValueError(
                Sentence(
                    f"the weights of the indicators sum to {total}, not to 100",
                    f"各指标的权重合计为 {total}，而不是 100",
                )
            )
        scored = [("indicator", indicator.id) for indicator in self.indicators]
        scored += [("deduction", deduction.id) for deduction in self.deductions]
        _once(Sentence("indicators and deductions", "indicators 和 deductions"), (id_ for _, id_ in scored))
        for what, id_ in scored:
            if id_ in {column.value for column in Column}:
                raise ValueError(
                    Sentence(
                        f"{what}s: {id_} is the name of a column; give the {what} another id",
                        f"{what}s：{id_} 是列的名称；请换一个编号",
                    )
                )
        kinds = {indicator.kind for indicator in self.indicators}
        if kinds & {IndicatorKind.FOUND_BY_OTHERS_FIRST, IndicatorKind.COVERAGE} and not self.own_channels:
            raise ValueError(
                Sentence(
                    "names no own_channels, without which nobody can tell who found a problem",
                    "没有写 own_channels：无法判断问题由谁发现",
                )
            )
        return self


class Period(StrEnum):
    """A period of the local calendar; weeks begin on Monday, and are numbered by ISO 8601."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"


class Heading(Written):
    """A column, and what stands above it where the document has a word for it."""

    column: Column
    title: Text | None = None


class Selection(Written):
    """Which problems count; what is not named does not matter. ``stages``: as they stand at the end of the period.

    ``overdue_by``: only problems with an obligation that lapsed at least so long before the end of the period.
    """

    categories: tuple[Name, ...] = ()
    matters: tuple[Name, ...] = ()
    stages: tuple[Stage, ...] = ()
    overdue_by: Within | None = None


#: What the title of a bulletin may mention; ``first`` and ``last`` are its days, ``part`` the quarter or ISO week.
TITLE_FIELDS: Final = ("year", "month", "day", "part", "first", "last")


class Bulletin(Founded):
    """A report that the office compiles from the ledger: over which period, in which columns, for whom.

    ``recipients`` are units, or ``@units`` for all that stand in it. What ``needs_approval`` is a draft until somebody
    approves it: it goes to nobody by itself. ``signed_by``: the unit that signs it off, the office where none is named.
    What is ``public`` everybody may read once it was signed and sent.
    """

    id: Id
    kind: BulletinKind
    title: Text
    period: Period
    columns: tuple[Heading, ...] = ()
    only: Selection = Selection()
    recipients: tuple[str, ...] = Field(min_length=1)
    needs_approval: bool = False
    signed_by: str | None = None
    public: bool = False

    @model_validator(mode="after")
    def _columns_fit(self) -> Bulletin:
        for column in self.columns:
            if column.column not in FITTING[self.kind]:
                raise ValueError(
                    Sentence(
                        f"a bulletin of kind {self.kind} has no column {column.column}",
                        f"{self.kind} 类通报没有 {column.column} 列",
                    )
                )
        _once("columns", (column.column for column in self.columns))
        return self

    @model_validator(mode="after")
    def _title_can_be_filled(self) -> Bulletin:
        for template in filter(None, (self.title.en, self.title.zh)):
            try:
                strange = {name for _, name, _, _ in Formatter().parse(template) if name is not None} - {*TITLE_FIELDS}
                wide = list(overdone(template))
            except ValueError as error:
                raise ValueError(
                    Sentence(f"the title is no template: {error}", f"标题的模板写法有误：{error}")
                ) from None
            if strange:
                fields = listed(TITLE_FIELDS)
                raise ValueError(
                    Sentence(
                        f"the title mentions {{{min(strange)}}}; it may mention {fields}",
                        f"标题用到了 {{{min(strange)}}}；可以使用 {fields.chinese}",
                    )
                )
            if wide:
                raise ValueError(
                    Sentence(
                        f"the title formats {wide[0]}; a field takes a width of at most two digits",
                        f"标题中 {wide[0]} 的格式有误；宽度至多两位数字",
                    )
                )
        return self

    @property
    def headings(self) -> tuple[Heading, ...]:
        """The columns named, else the usual ones of the kind."""
        return self.columns or tuple(Heading(column=column) for column in USUAL[self.kind])


def _once(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(Sentence(f"{what}: {name} stands twice", f"{in_chinese(what)}：{name} 出现了两次"))
        seen.add(name)


__all__ = [
    "FITTING", "MORE_IS_BETTER", "TIMES", "TITLE_FIELDS", "USUAL",
    "Assessment", "Bulletin", "BulletinKind", "Column", "Deduction", "Heading", "Indicator", "IndicatorKind", "Period",
    "Selection",
]  # fmt: skip
