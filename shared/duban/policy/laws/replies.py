"""The laws of what reporters are told: who may tell them, in which forms, and that something is an answer. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from duban.policy.laws.names import Breach, nobody, repeated
from duban.policy.model.pack import PolicyPack
from duban.sentence import Sentence

#: Who gives a reply, beside units and their roles.
_RELATIVE: Final = ("@lead", "@office", "@sponsor")


def replies_are_given_by_somebody(pack: PolicyPack) -> Iterator[Breach]:
    known = {unit.id for unit in pack.units} | {role for unit in pack.units for role in unit.roles} | {*_RELATIVE}
    for i, reply in enumerate(pack.replies):
        for j, name in enumerate(reply.by):
            if name not in known:
                yield f"replies.{i}.by.{j}", nobody(name, _RELATIVE)
        yield from repeated(f"replies.{i}.forms", (form.id for form in reply.forms))


def some_reply_answers(pack: PolicyPack) -> Iterator[Breach]:
    if pack.replies and not any(reply.answers for reply in pack.replies):
        law = Sentence(
            "no report would ever be answered: say `answers: true` of the reply that is the answer",
            "线索将永远得不到答复：请在作为答复的一项写上 `answers: true`",
        )
        yield "replies", law


LAWS: Final = (replies_are_given_by_somebody, some_reply_answers)
