"""The laws of the reason for being late: that some level asks for it, and somebody accepts it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from duban.policy.laws.names import Breach, unknown_in, unknown_signers
from duban.policy.laws.problems import SIGNERS, units_and_roles
from duban.policy.model.pack import PolicyPack
from duban.sentence import Sentence

#: For what a reason may be filed.
_OWED: Final = Sentence("obligations and duties", "obligations 和 duties")


def justifications_hold_something(pack: PolicyPack) -> Iterator[Breach]:
    rule = pack.justification
    asking = [
        f"ladders.{i}.levels.{j}.unless_justified"
        for i, ladder in enumerate(pack.ladders)
        for j, level in enumerate(ladder.levels)
        if level.unless_justified
    ]
    if rule is None:
        for path in asking:
            law = Sentence(
                "there is no `justification`: nobody could give a reason", "没有 `justification`：谁也无法说明理由"
            )
            yield path, law
        return
    if not asking:
        law = Sentence(
            "no level of a ladder is `unless_justified`: a reason would hold nothing",
            "没有任何一级写了 `unless_justified`：理由不起作用",
        )
        yield "justification", law
    known = {obligation.id for obligation in pack.obligations} | {duty.id for duty in pack.duties}
    yield from unknown_in("justification.obligations", rule.obligations, known, _OWED)
    yield from unknown_signers("justification.accepted_by", rule.accepted_by, units_and_roles(pack), SIGNERS)


LAWS = (justifications_hold_something,)
