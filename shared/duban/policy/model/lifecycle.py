"""How a problem is handled and closed: hand-back, more time, replies, ratings, pauses, the gate. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from duban.calendar import Within
from duban.policy.model.entry import Founded, Id, Name, Text, Written
from duban.policy.model.ladder import Occasional
from duban.sentence import Sentence


class Rejection(Founded):
    """A ground (不予受理的事由) on which a problem is not taken up: litigation, a petition in procedure, a secret.

    What is of one of ``categories`` or ``matters``, or came by one of ``channels``, is rejected on it as soon as it is
    registered; without any, the office or the fallback desk names it.
    """

    id: Id
    title: Text
    categories: tuple[Name, ...] = ()
    matters: tuple[Name, ...] = ()
    channels: tuple[Name, ...] = ()


class HandBackRule(Founded):
    """What a hand-back needs, and how often a problem may come back before the office rules finally.

    ``within``: for how long after the dispatch it is taken; without it, for as long as the unit has the problem.
    """

    evidence: bool
    clause_cited: bool
    at_most: int = Field(ge=1)
    within: Within | None = None


class Extension(Founded):
    """More time: for which obligations, by how much at most at a time, how often, and who decides.

    Whoever asks may ask for less than ``by``, and whoever decides may grant less than was asked; a new limit has its
    ladder from the beginning. ``before_lapse``: it is asked before the limit has lapsed, or so long ``ahead`` of that.
    ``clause_cited``: it cites its legal basis. With ``flags`` only for problems that bear one of these. ``decided_by``
    names units, roles of units, ``@office`` or ``@sponsor``. ``while_asked``: whether the ladder ``goes_on`` while the
    request is not decided, or ``waits``, if it was asked before the lapse.
    """

    obligations: tuple[Id, ...] = Field(min_length=1)
    by: Within
    at_most: int = Field(ge=1)
    before_lapse: bool = False
    ahead: Within | None = None
    clause_cited: bool = False
    flags: tuple[Id, ...] = ()
    decided_by: tuple[str, ...] = Field(default=("@office",), min_length=1)
    while_asked: Literal["goes_on", "waits"] = "goes_on"


class ReplyForm(Written):
    """A form in which a reporter is told: by telephone, in writing, on the spot.

    ``signed``: a reply in it bears a signature, of any day before it is given or of the same day.
    """

    id: Name
    title: Text
    signed: Literal["before", "same_day"] | None = None


class ReplyRule(Founded):
    """A reply (答复、告知) that reporters are owed: who gives it, and in which of ``forms``, if that is not left open.

    Whoever asked for one of them with the report is told in that one. ``answers``: a report that was given it waits for
    no other answer. ``by`` names units, roles of units, ``@lead``, ``@office`` or ``@sponsor``; if nothing is said, the
    lead unit or the office gives it, or whoever owes it. Until when it is owed,
    and since what, say the obligations that it meets: ``met_by: ["replied:extension"]``.
    """

    id: Id
    title: Text
    answers: bool = False
    by: tuple[str, ...] = ()
    forms: tuple[ReplyForm, ...] = ()


class JustificationRule(Founded):
    """A reason for being late (正当理由), which holds the levels that are taken only without one, once it is accepted.

    Whoever owes something files it, for one of ``obligations``, which may be duties too; for any without them.
    ``before_lapse``: no later than the limit lapses; or ``within`` so long of that; else until the level is taken.
    ``evidence``: with sealed evidence. ``accepted_by`` names units, roles of units, ``@office`` or ``@sponsor``; until
    one of them has decided, the ladder waits at such a level, and no longer than until the next that does not ask.
    """

    obligations: tuple[Id, ...] = ()
    before_lapse: bool = False
    within: Within | None = None
    evidence: bool = False
    accepted_by: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_end(self) -> JustificationRule:
        if self.before_lapse and self.within is not None:
            raise ValueError(
                Sentence(
                    "is filed `before_lapse`, or `within` a time of the lapse, not both",
                    "`before_lapse`（逾期之前提出）和 `within`（逾期后一定时间内提出）不能同时写",
                )
            )
        return self


class RatingRule(Founded):
    """A ground (不满意的原因) on which a reporter is rated unsatisfied, and what follows.

    ``then``: the work is redone by its unit, the problem waits for ``another_unit``, or nothing; it follows ``at_most``
    so often. ``flag``: the problem bears it from then on. ``holds_until``: the work is neither verified nor struck off
    before one of these events, unless somebody is satisfied, or it is done again. Until when it is redone, or
    explained, say obligations ``since: ["rated:in-unit"]``.
    """

    id: Id
    title: Text
    then: Literal["redone", "another_unit", "nothing"]
    at_most: int | None = Field(default=None, ge=1)
    flag: Id | None = None
    holds_until: tuple[Occasional, ...] = ()


class PauseRule(Founded):
    """When the clock may stand still: on which grounds, how often."""

    grounds: tuple[Name, ...] = Field(min_length=1)
    at_most: int = Field(ge=1)


class FlagRule(Founded):
    """A flag that a problem can bear; at registration it is set by ``categories``, ``matters`` or ``channels``."""

    id: Id
    title: Text
    categories: tuple[Name, ...] = ()
    matters: tuple[Name, ...] = ()
    channels: tuple[Name, ...] = ()


class GateCheck(Founded):
    """A check that must be signed before strike-off, by one of ``by``.

    Without ``categories`` or ``matters`` it holds for all; with ``flags`` only for problems that bear one of these.
    """

    id: Id
    title: Text
    by: tuple[str, ...] = Field(min_length=1)
    categories: tuple[Name, ...] = ()
    matters: tuple[Name, ...] = ()
    flags: tuple[Id, ...] = ()


class GateBlock(Founded):
    """A problem with ``flag``, or any without it, is not struck off before the event ``needs`` has happened.

    A step of the pack's own blocks the problems of its categories, until it is taken or not needed. ``by``: a receipt
    counts only from one of these units. ``outcomes``: only these outcomes are blocked.
    """

    flag: Id | None = None
    needs: Occasional
    by: tuple[Name, ...] = ()
    outcomes: tuple[Name, ...] = ()
    says: Text


class Gate(Founded):
    """What stands before strike-off (销号): checks with evidence and a signer who is not the handler, and blocks."""

    checks: tuple[GateCheck, ...] = ()
    blocks: tuple[GateBlock, ...] = ()


class LookBackRule(Founded):
    """Who looks back after strike-off, and by how many levels the ladders begin higher when a problem has come back."""

    by: tuple[str, ...] = Field(min_length=1)
    raise_by: int = Field(ge=0)


class Item(Founded):
    """An item of the catalogue of enforcement (执法事项目录): its ``code`` is what a completed problem cites."""

    code: Name
    title: Text


class Closing(Founded):
    """How a completed problem leaves the ledger: whether it is verified, and who strikes it off.

    A completion may cite ``items`` by their codes; one with an outcome of ``item_for`` must cite at least one.
    """

    verify: bool
    strike_off: Literal["by_office", "automatic"]
    outcomes: tuple[Name, ...] = Field(min_length=1)
    items: tuple[Item, ...] = ()
    item_for: tuple[Name, ...] = ()
