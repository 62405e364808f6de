"""Signs and triggers in sentences: what is seen as a sign, and what takes a measure the how many-th time."""

from __future__ import annotations

from collections.abc import Iterator

from duban.policy.model.ladder import Trigger
from duban.policy.model.pack import PolicyPack
from duban.policy.model.sign import SignKind, SignRule
from duban_console.pack_text.fields import called, others
from duban_console.pack_text.words import Words


def signs(pack: PolicyPack, words: Words) -> Iterator[str]:
    """A bullet a sign."""
    for sign in pack.signs:
        founded = words.founded(sign)
        colon, blank = words.say(": ", "："), words.say(" ", "")
        yield f"- **{called(sign, words)}** (`{sign.id}`){colon}{_seen(sign, words)}{blank}{founded}"


def _seen(sign: SignRule, words: Words) -> str:
    match sign.kind:
        case SignKind.LAST_MOMENT:
            of = words.names(sign.obligations, words.entries["obligations"])
            return words.say(
                f"seen when this is met within its limit, but in the last tenth of it: {of}",
                f"以下事项在时限内、但在最后十分之一时间内才完成的：{of}",
            )
        case SignKind.COPIED_NOTE:
            return words.say(
                "seen when a unit's word on progress stands in another problem or duty of the unit already",
                "单位报送的进展与其另一问题或任务中已报送的相同的",
            )
        case SignKind.TAKEN_UP_AGAIN:
            assert sign.within is not None  # it goes with this kind
            within = words.duration(sign.within)
            return words.say(
                f"seen when a problem is taken up again, or comes back, within {within} of its closing",
                f"结案后{within}内又重新立案或者反弹的",
            )


def triggers(pack: PolicyPack, words: Words) -> Iterator[str]:
    """A bullet a trigger; what it counts beyond one problem in a phrase."""
    for trigger in pack.triggers:
        known = ["id", "clause", "basis"]
        parts = others(trigger, [*known, *([*_COUNTED] if trigger.counts else [])], words)
        if trigger.counts:
            parts.insert(1, _counted(trigger, words))
        text = words.say("; ", "；").join(parts)
        yield f"- **{trigger.id}**{words.say(': ', '：')}{text} {words.founded(trigger)}".rstrip()


_COUNTED = ("times", "once", "per", "within")


def _counted(trigger: Trigger, words: Words) -> str:
    """``the 3rd of the enterprise's problems within 1 month, and every further one``."""
    within = words.duration(trigger.within) if trigger.within is not None else ""
    whose = {
        None: ("time in the problem", "同一问题第{}次"),
        "enterprise": ("of the same enterprise's problems", "同一企业第{}个问题"),
        "unit": ("of the problems in the same unit's hands", "同一单位第{}个问题"),
    }[trigger.per]
    further = words.say("", "") if trigger.once else words.say(", and every further one", "及以后每次")
    return words.say(
        f"the {_ordinal(trigger.times)} {whose[0]}{f' within {within}' if within else ''}{further}",
        f"{f'{within}内' if within else ''}{whose[1].format(trigger.times)}{further}",
    )


def _ordinal(number: int) -> str:
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
