"""What reporters are told: replies that nobody owes, or that whoever owes them may not give."""

from __future__ import annotations

from collections.abc import Iterator

from duban.moves import Occasion
from duban.policy.advice.form import Advice, Speech
from duban.policy.model.ladder import Obligation
from duban.policy.model.lifecycle import ReplyRule
from duban.policy.model.pack import PolicyPack
from duban.policy.signers import signing


def replies_that_nobody_owes(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Replies without a limit."""
    for index, reply in enumerate(pack.replies):
        if not any(_meets(reply, obligation) for obligation in pack.obligations):
            words = speech.say(
                f"nobody owes it: no obligation is met by replied:{reply.id}",
                f"没有单位须作这一答复：没有任何时限以 replied:{reply.id} 为履行",
            )
            yield Advice("reply_unowed", f"replies.{index}", words)


def replies_that_their_owner_may_not_give(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Obligations that are met by a reply which the pack leaves to others."""
    rules = {reply.id: reply for reply in pack.replies if reply.by}
    for index, obligation in enumerate(pack.obligations):
        for occasion in obligation.met_by:
            reply = rules.get(occasion.of or "") if occasion.event == "replied" else None
            if reply is not None and not _may(obligation.owner, reply, pack):
                words = speech.say(
                    f"{obligation.owner} owes it, but {reply.id} is given by {speech.some(reply.by)} alone",
                    f"由 {obligation.owner} 承担，但 {reply.id} 只能由 {speech.some(reply.by)} 作出",
                )
                yield Advice("reply_by_others", f"obligations.{index}.met_by", words)


def _meets(reply: ReplyRule, obligation: Obligation) -> bool:
    plain = reply.answers and Occasion("replied") in obligation.met_by
    return plain or Occasion("replied", reply.id) in obligation.met_by


def _may(owner: str, reply: ReplyRule, pack: PolicyPack) -> bool:
    return owner in reply.by or not signing(pack, (owner,)).isdisjoint(signing(pack, reply.by))
