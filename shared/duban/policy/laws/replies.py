"""The laws of what reporters are told: who may tell them, in which forms, and that something is an answer. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from duban.policy.laws.names import Breach
from duban.policy.model.pack import PolicyPack

#: Who gives a reply, beside units and their roles.
_RELATIVE: Final = ("@lead", "@office", "@sponsor")


def replies_are_given_by_somebody(pack: PolicyPack) -> Iterator[Breach]:
    known = {unit.id for unit in pack.units} | {role for unit in pack.units for role in unit.roles} | {*_RELATIVE}
    for i, reply in enumerate(pack.replies):
        for j, name in enumerate(reply.by):
            if name not in known:
                relative = ", ".join(_RELATIVE)
                yield f"replies.{i}.by.{j}", f"{name} is neither a unit nor a role of one, nor one of {relative}"
        forms = [form.id for form in reply.forms]
        for j, form in enumerate(forms):
            if form in forms[:j]:
                yield f"replies.{i}.forms.{j}", f"the id {form} stands at replies.{i}.forms.{forms.index(form)} already"


def some_reply_answers(pack: PolicyPack) -> Iterator[Breach]:
    if pack.replies and not any(reply.answers for reply in pack.replies):
        words = "no report would ever be answered: say `answers: true` of the reply that is the answer"
        yield "replies", words


LAWS: Final = (replies_are_given_by_somebody, some_reply_answers)
