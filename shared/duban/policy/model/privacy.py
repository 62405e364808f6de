"""Personal data: what of a report is sealed, and how long it is kept; what a pack says. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from duban.calendar import Within
from duban.messages.report import SealedField
from duban.policy.model.entry import Founded, Written
from duban.sentence import Sentence


def _of_days(within: Within) -> Within:
    if not within.is_calendar_days:
        raise ValueError(Sentence("is a term of days, weeks, months or years", "须为以日、周、月或年计的期限"))
    return within


#: How long something is kept.
Term = Annotated[Within, AfterValidator(_of_days)]


class Keep(Written):
    """For how long after the problem is closed something is kept of its reports; what is not named, without end.

    ``contact``: who reported; ``content``: what is sealed of what they said; ``evidence``: the files that are sealed.
    """

    contact: Term | None = None
    content: Term | None = None
    evidence: Term | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Keep:
        if not any((self.contact, self.content, self.evidence)):
            raise ValueError(
                Sentence(
                    "names nothing: give a term for `contact`, `content` or `evidence`, or leave it out",
                    "什么也没有写：请为 `contact`、`content` 或 `evidence` 写明期限，或不写此项",
                )
            )
        return self


class Privacy(Founded):
    """What of reports may identify somebody, and is ``sealed`` under a key for each report; how long it is kept.

    A key that is destroyed, on request or when its term is over, takes with it what is sealed, wherever that lies.
    """

    seal: Annotated[tuple[SealedField, ...], Field(min_length=1)]
    keep: Keep | None = None

    @model_validator(mode="after")
    def _seals_what_it_keeps(self) -> Privacy:
        if len(set(self.seal)) < len(self.seal):
            raise ValueError(Sentence("`seal` names the same field twice", "`seal` 中同一字段出现了两次"))
        if self.keep is not None and self.keep.evidence is not None and SealedField.EVIDENCE not in self.seal:
            raise ValueError(
                Sentence(
                    "`keep: evidence` goes with `seal: [evidence]`: only what is sealed can be destroyed",
                    "`keep: evidence` 须与 `seal: [evidence]` 同时使用：只有密封的内容才能销毁",
                )
            )
        return self
