"""Steps of handling that a pack names beyond the acts that every problem knows: who takes them, with what. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, Field, model_validator

from duban.moves import OPEN, STAGE, Status
from duban.policy.model.entry import Founded, Id, Name, Text, Written
from duban.policy.model.ladder import of_problems
from duban.sentence import Sentence

#: Where a step is taken that names no statuses.
_OPEN: Final = frozenset(OPEN & STAGE.keys())


class ValueKind(StrEnum):
    """What a field of a step holds."""

    TEXT = "text"  #: words
    NUMBER = "number"  #: a number, whole or not
    YES_OR_NO = "yes_or_no"  #: true or false
    DAY = "day"  #: a date, such as 2026-03-01
    INSTANT = "instant"  #: an instant with its offset, such as 2026-03-01T08:00:00+08:00
    CHOICE = "choice"  #: one of the field's ``choices``
    UNIT = "unit"  #: a unit of the pack


class StepField(Written):
    """What is said with a step, under the name ``id``; it must be there unless ``required`` is false."""

    id: Id
    title: Text
    kind: ValueKind
    required: bool = True
    choices: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _chosen_from(self) -> StepField:
        if (self.kind is ValueKind.CHOICE) != bool(self.choices):
            raise ValueError(
                Sentence(
                    "`choices` go with `kind: choice`, and only with it",
                    "`choices` 只能与 `kind: choice` 同时使用，且必须同时使用",
                )
            )
        return self


class StepRule(Founded):
    """A step of handling: a sample, a hearing, an expert's opinion, a report to another authority.

    ``by`` names who takes it: units, roles of units, or those of ``OWNERS`` whom an obligation may belong to. It is
    taken in one of ``statuses``, in any open one if none is named, once, or with ``again`` each time anew; with
    its ``fields``, and with ``evidence`` where that is asked for. Without ``categories`` or ``matters`` it is for all
    problems. Those of ``waived_by`` may declare that it is not needed, with a reason; without any it always is.
    """

    id: Id
    title: Text
    by: tuple[str, ...] = Field(min_length=1)
    statuses: Annotated[tuple[Status, ...], AfterValidator(of_problems)] = ()
    categories: tuple[Name, ...] = ()
    matters: tuple[Name, ...] = ()
    fields: tuple[StepField, ...] = ()
    evidence: bool = False
    again: bool = False
    waived_by: tuple[str, ...] = ()

    @property
    def taken_in(self) -> frozenset[Status]:
        """The statuses of a problem in which it is taken."""
        return frozenset(self.statuses) or _OPEN
