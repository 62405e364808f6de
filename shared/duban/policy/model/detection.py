"""What is found in the readings of stations, and in what citizens report: an episode is one report. Pure.

:mod:`duban_detector` carries them out.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from duban.calendar import Within
from duban.policy.model.entry import Founded, Id, Name, Text, Written
from duban.sentence import Sentence, listed

#: Over which span a reading was taken, as gateways say it.
Span = Literal["moment", "minute", "hour", "day"]
#: Which number of a reading is looked at.
Number = Literal["value", "converted", "minimum", "maximum", "total"]
#: What a rule may look at; exactly one of them.
CONDITIONS: Final = (
    "above", "below", "limits", "jump", "unchanged", "above_factor", "flagged", "missing", "silent",
)  # fmt: skip
#: Conditions of a number that stands for the environment; the others are of the equipment.
_WITH_LIMIT: Final = ("above", "below")


def _of_the_clock(within: Within) -> Within:
    if within.minutes is None and within.hours is None:
        raise ValueError(
            Sentence(
                "readings come by the clock: give `minutes` or `hours`",
                "读数按时钟产生：请写 `minutes` 或 `hours`",
            )
        )
    return within


#: So many minutes or hours.
Spell = Annotated[Within, AfterValidator(_of_the_clock)]


def length(spell: Within) -> timedelta:
    """How long ``spell`` is."""
    return timedelta(minutes=spell.minutes or 0, hours=spell.hours or 0)


class Condition(Written):
    """What is wrong with a reading, by exactly one of these.

    It is ``above`` or ``below`` a limit, beyond the station's own ``limits``, differs from the one before by more than
    a ``jump`` or by no more than ``unchanged``, is ``above_factor``, of which it is a part; it bears a flag that is
    ``flagged``, or is ``missing`` in what the station sent; or the whole station was ``silent`` for so long. Of the
    reading counts ``number``.
    """

    above: float | None = Field(default=None, allow_inf_nan=False)
    below: float | None = Field(default=None, allow_inf_nan=False)
    limits: bool = False
    jump: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    unchanged: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    above_factor: Name | None = None
    flagged: tuple[str, ...] = ()
    missing: bool = False
    silent: Spell | None = None
    number: Number = "value"

    @model_validator(mode="after")
    def _one_of_them(self) -> Condition:
        given = self._given()
        if len(given) != 1:
            all_, here = listed(CONDITIONS), listed(given)
            raise ValueError(
                Sentence(
                    f"says exactly one of {all_}; here: {here or 'none'}",
                    f"{all_.chinese} 须写且只写一个；此处写了：{here.chinese or '无'}",
                )
            )
        return self

    @property
    def kind(self) -> str:
        """Which of :data:`CONDITIONS` it is."""
        return self._given()[0]

    def _given(self) -> list[str]:
        values = ((name, getattr(self, name)) for name in CONDITIONS)
        return [name for name, value in values if value is not None and value is not False and value != ()]

    @property
    def limit(self) -> float | None:
        """The limit, where it has one of its own."""
        return self.above if self.above is not None else self.below


class Raised(Written):
    """When an episode begins: after so many bad ``readings`` in a row, or when so large a ``share`` is bad.

    ``share``: in per cent, of the readings ``within`` a time, at least so many ``readings``.
    """

    readings: int = Field(default=1, ge=1, le=1_000)
    share: float | None = Field(default=None, gt=0, le=100)
    within: Spell | None = None

    @model_validator(mode="after")
    def _share_of_a_time(self) -> Raised:
        if (self.share is None) != (self.within is None):
            raise ValueError(
                Sentence(
                    "a `share` is of the readings `within` a time: give both, or neither",
                    "`share` 是 `within` 时间内读数的比例：两者须同时写，或都不写",
                )
            )
        return self


class Cleared(Written):
    """When an episode is over: after so many ``readings`` in a row that are well.

    Well is what lies at ``at`` or on the good side of it; without it, whatever is not bad.
    """

    readings: int = Field(default=1, ge=1, le=1_000)
    at: float | None = Field(default=None, allow_inf_nan=False)


class DetectionRule(Founded):
    """A rule over the readings of each station: ``when`` a reading is bad, and what then is reported.

    It looks at each of ``factors`` by itself, in readings over ``span``; with ``systems`` only of stations of one of
    these. Only readings with one of ``valid_flags``, or none, count, but for what is ``flagged`` or ``missing``. While
    an episode lasts it is told of again ``told_every`` so long; it is over, too, when no reading that counts has come
    for longer than ``ends_after``; without it a gap ends nothing. The report is of ``category`` and ``matter``, and
    comes by ``channel``.
    """

    id: Id
    title: Text
    factors: tuple[Name, ...] = ()
    span: Span | None = None
    systems: tuple[Name, ...] = ()
    measured_in: str | None = Field(default=None, min_length=1, max_length=40)
    when: Condition
    valid_flags: tuple[str, ...] = ("N",)
    raised_by: Raised = Raised()
    cleared_by: Cleared = Cleared()
    told_every: Spell = Within(hours=24)
    ends_after: Spell | None = None
    category: Name
    matter: Name | None = None
    channel: Name

    @model_validator(mode="after")
    def _fits_together(self) -> DetectionRule:
        kind = self.when.kind
        if kind == "silent":
            if self.factors or self.span is not None:
                raise ValueError(
                    Sentence(
                        "`silent` is of the whole station: leave `factors` and `span` out",
                        "`silent` 指整个站点：请勿写 `factors` 和 `span`",
                    )
                )
            return self
        if not self.factors or self.span is None:
            raise ValueError(
                Sentence(
                    f"`{kind}` is of single factors: name `factors` and their `span`",
                    f"`{kind}` 针对单个因子：请写 `factors` 及其 `span`",
                )
            )
        if kind in _WITH_LIMIT and self.measured_in is None:
            raise ValueError(
                Sentence(
                    f"`{kind}` is a limit: say in which unit, with `measured_in`",
                    f"`{kind}` 是限值：请以 `measured_in` 写明计量单位",
                )
            )
        self._check_way_back(kind)
        return self

    def _check_way_back(self, kind: str) -> None:
        at, limit = self.cleared_by.at, self.when.limit
        if at is None:
            return
        if limit is None:
            raise ValueError(
                Sentence(
                    f"`cleared_by.at` goes with `above` or `below`, and not with `{kind}`",
                    f"`cleared_by.at` 与 `above` 或 `below` 同时使用，不能与 `{kind}` 同时使用",
                )
            )
        if (at > limit) if kind == "above" else (at < limit):
            raise ValueError(
                Sentence(
                    f"`cleared_by.at` {at:g} lies on the bad side of {limit:g}: an episode would end at once",
                    f"`cleared_by.at` {at:g} 在限值 {limit:g} 的超标一侧：事件会立即结束",
                )
            )


class SurgeRule(Founded):
    """Many reports from one area: at least ``reports`` ``within`` a time are reported as one of their own.

    Those count that name an area, are of one of ``categories`` and came by one of ``channels``; without these, all.
    """

    id: Id
    title: Text
    categories: tuple[Name, ...] = ()
    channels: tuple[Name, ...] = ()
    reports: int = Field(ge=2, le=1_000)
    within: Spell
    category: Name
    matter: Name | None = None
    channel: Name


class Detection(Written):
    """What the detector looks for: ``rules`` over the readings of stations, ``surges`` of reports."""

    rules: tuple[DetectionRule, ...] = ()
    surges: tuple[SurgeRule, ...] = ()
