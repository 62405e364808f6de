"""The laws of the reason for being late: that some level asks for it, and somebody accepts it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from duban.policy.laws.names import Breach, unknown_in, unknown_signers
from duban.policy.laws.problems import SIGNERS, units_and_roles
from duban.policy.model.pack import PolicyPack


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
            yield path, "there is no `justification`: nobody could give a reason"
        return
    if not asking:
        yield "justification", "no level of a ladder is `unless_justified`: a reason would hold nothing"
    known = {obligation.id for obligation in pack.obligations} | {duty.id for duty in pack.duties}
    yield from unknown_in("justification.obligations", rule.obligations, known, "obligations and duties")
    yield from unknown_signers("justification.accepted_by", rule.accepted_by, units_and_roles(pack), SIGNERS)


LAWS = (justifications_hold_something,)
