"""What is owed until when, and what follows if not: obligations, ladders, measures, triggers. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from duban.calendar import Within
from duban.calendar.within import ClockTime
from duban.messages.commands import Rectification
from duban.messages.events import OF_PROBLEMS
from duban.moves import OF_OTHERS, STEPS, Occasion, Status
from duban.policy.model.entry import Founded, Id, Name, Text, Written
from duban.sentence import Sentence, listed


class MeasureKind(StrEnum):
    """The kinds of measures that the engine can carry out."""

    REMINDER = "reminder"
    PAGE = "page"
    BULLETIN = "bulletin"
    INTERVIEW = "interview"
    EXPOSURE = "exposure"
    CARD = "card"
    RECTIFY_ORDER = "rectify_order"
    SUPERVISION = "supervision"
    LISTED_SUPERVISION = "listed_supervision"
    SPECIAL_INSPECTION = "special_inspection"
    REFERRAL = "referral"
    CREDIT = "credit"
    ASSISTANCE = "assistance"
    ACCOUNTABILITY = "accountability"


#: What the text of a measure may mention.
TEXT_FIELDS = ("number", "title", "unit", "obligation", "lapse", "lapse_date", "measure", "category", "matter")


class Measure(Founded):
    """An act with a legal name that the ladder takes; ``text`` is what its notice says, in the words of the city.

    Its effects: it is ``public``; it is ``passed_on_to`` a platform, which gives a receipt; it waits for a unit's
    ``approval``; it sets a ``flag`` on the problem (what runs only while the flag is set, runs from then on);
    ``issuers`` sign it together; it ``opens`` a record of its own: an entry on a list, on one of that list's grounds,
    a reward, or a duty of everybody whom the measure is told to, or of those alone whom ``owed_by`` names.
    """

    id: Id
    kind: MeasureKind
    title: Text
    text: str = Field(min_length=1)
    public: bool = False
    passed_on_to: Id | None = None
    approval: Name | None = None
    flag: Id | None = None
    issuers: tuple[Name, ...] = ()
    opens: Id | None = None
    ground: Id | None = None
    owed_by: tuple[Name, ...] = ()


#: In ``to``: the owner of the obligation, the unit above it, the lead unit, the co-units, the office, the sponsor, and
#: the unit that answers for the area; the office stands in for one that is absent.
RELATIVE = ("@owner", "@superior", "@lead", "@co", "@office", "@sponsor", "@territorial")


class Level(Written):
    """A step of a ladder: ``before`` the lapse (a reminder), at it or ``after`` it, the measure, and who is told.

    A reminder may come instead when a ``share`` of the limit has passed, in per cent: so it fits limits of any length.
    With ``flags`` it is taken only for problems that bear one of these; ``unless_justified``: only without a reason
    that was filed in time and accepted.
    """

    measure: Id
    before: Within | None = None
    share: int | None = Field(default=None, ge=1, le=99)
    after: Within | None = None
    flags: tuple[Id, ...] = ()
    unless_justified: bool = False
    to: tuple[str, ...] = Field(min_length=1)

    @property
    def is_reminder(self) -> bool:
        """Whether it is taken before the lapse."""
        return self.before is not None or self.share is not None

    @model_validator(mode="after")
    def _not_both(self) -> Level:
        given = [name for name in ("before", "share", "after") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(
                Sentence(
                    f"has both `{given[0]}` and `{given[1]}`; a level is taken before the lapse or after it",
                    f"同时写了 `{given[0]}` 和 `{given[1]}`；一级措施或在逾期之前，或在逾期之后",
                )
            )
        if self.is_reminder and self.unless_justified:
            raise ValueError(
                Sentence(
                    "is a reminder: nothing is late yet that could be justified, so leave out `unless_justified`",
                    "是提醒：此时尚未逾期，无需说明理由，请勿写 `unless_justified`",
                )
            )
        return self

    @property
    def conditional(self) -> bool:
        """Whether it is not taken for every record."""
        return bool(self.flags) or self.unless_justified


class Ladder(Founded):
    """The measures that follow one another while an obligation stays unmet; level 1 is the first.

    Where the first level of the lapse comes only ``after`` it, the lapse itself is a level without a measure.
    """

    id: Id
    levels: tuple[Level, ...] = Field(min_length=1)


#: The events that may be told apart by what they are of: ``flagged:hard``, ``referred:police``, ``received:police``,
#: ``replied:extension``, ``rated:in-unit``, ``step_taken:sample``, ``sign_seen:copied``.
OF_SOMETHING = ("flagged", "referred", "received", "replied", "rated", *STEPS, "sign_seen")


def _occasion(value: object) -> object:
    """The occasion that a pack writes as one word: ``flagged:hard``."""
    if not isinstance(value, str):
        return value
    event, colon, of = value.partition(":")
    if event not in OF_PROBLEMS or (of and event not in OF_SOMETHING) or (colon and not of):
        events = listed(OF_PROBLEMS)
        raise ValueError(
            Sentence(
                f"{value} is no event; the events are {events}",
                f"没有事件 {value}；可写的事件有 {events.chinese}",
            )
        )
    return Occasion(event, of or None)


#: An event, or one of a flag or a body, written as one word.
Occasional = Annotated[
    Occasion, BeforeValidator(_occasion), PlainSerializer(str, return_type=str), WithJsonSchema({"type": "string"})
]


class Trigger(Founded):
    """A measure that is taken at once when something happens: on the event ``on``, from its ``times``-th time on.

    With ``once`` only that very time; with ``outcomes``, ``categories``, ``matters``, ``channels`` or ``flags`` only
    for problems with one of these. Counted is how often it has happened to the problem; with ``per``, to how many
    problems of the same enterprise, or in the hands of the same unit; ``within``: so often in so long a time. Then only
    what fits the trigger in every other way counts.
    """

    id: Id
    on: Occasional
    times: int = Field(default=1, ge=1)
    once: bool = False
    per: Literal["enterprise", "unit"] | None = None
    within: Within | None = None
    outcomes: tuple[Name, ...] = ()
    categories: tuple[Name, ...] = ()
    matters: tuple[Name, ...] = ()
    channels: tuple[Name, ...] = ()
    flags: tuple[Id, ...] = ()
    measure: Id
    to: tuple[str, ...] = Field(min_length=1)

    @property
    def counts(self) -> bool:
        """Whether it counts what the state of the problem does not tell: over a time, or over other problems."""
        return self.per is not None or self.within is not None

    @model_validator(mode="after")
    def _counts_to_more_than_one(self) -> Trigger:
        if self.counts and self.times == 1:
            field = "per" if self.per is not None else "within"
            raise ValueError(
                Sentence(
                    f"`{field}` counts nothing with `times: 1`: the first time is the first; say `times`",
                    f"`times: 1` 时 `{field}` 不起作用：首次就是第一次；请写 `times`",
                )
            )
        return self


def of_problems(statuses: tuple[Status, ...]) -> tuple[Status, ...]:
    """``statuses``, if a problem can be in each of them."""
    for status in statuses:
        if status in OF_OTHERS:
            raise ValueError(
                Sentence(
                    f"a problem is never {status}; entries on lists and rewards bring limits of their own",
                    f"问题没有 {status} 状态；名单条目和奖励各有自己的期限",
                )
            )
    return statuses


#: In ``owner``, beside units and roles of units: the lead unit, each co-unit, the office, each body that the problem
#: was referred to, the sponsor, and the unit that answers for the area; the office stands in for one that is absent.
OWNERS = ("@lead", "@co", "@office", "@referred", "@sponsor", "@territorial")

#: The owners who handle the problem: what others are to decide, they do not decide because they owe it.
HANDLERS = ("@lead", "@co", "@referred")

#: What any other owner may bring about where it meets what it owes, as the office may in any problem.
BY_OWNER = (
    "rejected", "dispatched", "classified", "plan_refused", "reviewed", "resumed", "flagged", "unflagged", "sponsored",
    "referred", "verified", "sent_back", "struck_off", "replied", "rated",
)  # fmt: skip


class Otherwise(Written):
    """The limit that takes the place of an obligation's first one: ``within``, counted from the same event.

    It does where the clock is set going at ``from_time`` of the day or later, or on ``days_off``; and, where
    ``deferred`` says so, once whoever owes it, or the office, has said before the first limit lapsed that it takes
    longer.
    """

    within: Within
    from_time: ClockTime | None = None
    days_off: bool = False
    deferred: bool = False

    @model_validator(mode="after")
    def _comes_to_pass(self) -> Otherwise:
        if self.from_time is None and not self.days_off and not self.deferred:
            raise ValueError(
                Sentence(
                    "says nowhere when it holds: by `from_time`, on `days_off`, or once it is `deferred`",
                    "没有写明何时适用：请写 `from_time`、`days_off` 或 `deferred`",
                )
            )
        return self


class Obligation(Founded):
    """What somebody owes while a problem is in certain statuses: since which event, for how long, with which ladder.

    ``since`` names the events that set the clock going; the latest of them counts, so an obligation that names its
    own fulfilment (``[dispatched, progressed]``) falls due again and again. ``within`` is the time limit, ``otherwise``
    another in its place; ``until`` takes the date of the filed plan, or of its next milestone, instead. It is met by
    leaving the statuses in which it runs, or by one of the events in ``met_by``; ``replied`` meets it when no report is
    unanswered, and ``replied:extension`` when every report was told that since the clock was set going. Without
    ``categories``, ``matters`` or ``channels`` it holds for all; with ``flags`` only while the problem bears one of
    them, with ``rectification`` only under such a plan. ``owner`` is a unit, a role of units, or one of ``OWNERS``.
    What a role owns, each unit of that role owes until one of them has done it; what ``@co`` owns, each co-unit owes
    for its own part; what ``@referred`` owns, each body that the problem was referred to owes until its own receipt,
    counted from its own referral.
    """

    id: Id
    title: Text
    owner: str
    met_by: tuple[Occasional, ...] = ()
    running: Annotated[tuple[Status, ...], Field(min_length=1), AfterValidator(of_problems)]
    since: Annotated[tuple[Occasional, ...], Field(min_length=1)]
    within: Within | None = None
    otherwise: Otherwise | None = None
    until: Literal["plan_due", "milestone_due"] | None = None
    categories: tuple[Name, ...] = ()
    matters: tuple[Name, ...] = ()
    channels: tuple[Name, ...] = ()
    flags: tuple[Id, ...] = ()
    rectification: tuple[Rectification, ...] = ()
    ladder: Id

    @model_validator(mode="after")
    def _one_limit(self) -> Obligation:
        if (self.within is None) == (self.until is None):
            raise ValueError(
                Sentence(
                    "needs exactly one of `within` and `until`; there is no default duration",
                    "`within` 和 `until` 须写且只写一个；没有默认期限",
                )
            )
        if self.otherwise is not None and self.within is None:
            raise ValueError(
                Sentence(
                    "`otherwise` takes the place of `within`, and goes with it alone",
                    "`otherwise` 替代 `within`，只能与它同时使用",
                )
            )
        if self.otherwise is not None and self.otherwise.deferred and self.owner in ("@co", "@referred"):
            raise ValueError(
                Sentence(
                    "what several owe, each for its own part, is not `deferred`: let one unit owe it",
                    "由多个单位各自承担的事项不能写 `deferred`：请由一个单位承担",
                )
            )
        return self
