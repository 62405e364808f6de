"""Obligations in sentences: who must do what, by when, and what follows if not."""

from __future__ import annotations

from collections.abc import Iterator

from duban.policy.model.ladder import Ladder, Level, Obligation
from duban.policy.model.pack import PolicyPack
from duban_console.pack_text.fields import others
from duban_console.pack_text.words import Words

_TOLD = (
    "id", "title", "clause", "basis", "owner", "met_by", "running", "since", "within", "otherwise", "until",
    "categories", "matters", "channels", "ladder",
)  # fmt: skip


def obligations(pack: PolicyPack, words: Words) -> Iterator[str]:
    """Each obligation as a heading, a sentence, for what it holds, and its ladder."""
    ladders = {ladder.id: ladder for ladder in pack.ladders}
    measures = {measure.id: words.text(measure.title) for measure in pack.measures}
    for index, obligation in enumerate(pack.obligations):
        if index:
            yield ""
        basis = words.founded(obligation)
        yield f"### {_capital(words.text(obligation.title))} (`{obligation.id}`)"
        yield ""
        parts = (
            _sentence(obligation, words),
            _otherwise(obligation, words),
            _met(obligation, words),
            _shared(pack, obligation, words),
        )
        yield "".join(parts) + (words.say(" ", "") + basis if basis else "")
        yield ""
        yield from _scope(pack, obligation, words)
        yield from consequences(ladders[obligation.ladder], measures, words)


def _sentence(obligation: Obligation, words: Words) -> str:
    owner = words.unit(obligation.owner)
    title = words.text(obligation.title)
    act = title[0].lower() + title[1:]
    since = words.listed((words.event(*occasion) for occasion in obligation.since), ("or", "或"))
    many = words.say(", whichever came last", "（以最后发生者为准）") if len(obligation.since) > 1 else ""
    status = words.listed((words.status(status.value) for status in obligation.running), ("or", "或"))
    if obligation.within is None:
        until = words.until(obligation.until or "")
        sentence = words.say(
            f"{_capital(owner)} must {act} {until}, while the problem is {status}",
            f"{owner}须{until}{act}（问题处于“{status}”期间）",
        )
    elif obligation.within.at is not None:
        due = words.duration(obligation.within)
        sentence = words.say(
            f"{_capital(owner)} must {act} by {due} after {since}{many}, while the problem is {status}",
            f"{owner}须在{since}{many}后的{due}前{act}（问题处于“{status}”期间）",
        )
    else:
        due = words.duration(obligation.within)
        sentence = words.say(
            f"{_capital(owner)} must {act} within {due} of {since}{many}, while the problem is {status}",
            f"{owner}须在{since}{many}后{due}内{act}（问题处于“{status}”期间）",
        )
    return sentence + words.say(".", "。")


def _otherwise(obligation: Obligation, words: Words) -> str:
    """The limit that takes the place of the first, and where."""
    instead = obligation.otherwise
    if instead is None:
        return ""
    within, when = instead.within, []
    due = words.duration(within)
    if instead.from_time is not None:
        at = instead.from_time
        when.append(words.say(f"what begins at {at} or later", f"{at}及以后起算的"))
    if instead.days_off:
        when.append(words.say("what begins on a day off", "非工作日起算的"))
    if instead.deferred:
        who = words.unit(obligation.owner)
        when.append(words.say(f"what {who} defers in time", f"{who}在期限内说明不能按期的"))
    where = words.listed(when, ("or", "或"))
    return words.say(
        f" {_capital(where)} is due {'by' if within.at is not None else 'within'} {due} instead.",
        f"{where}，期限为{due}{'前' if within.at is not None else '内'}。",
    )


def _met(obligation: Obligation, words: Words) -> str:
    if obligation.owner == "@referred":
        return words.say(
            " Each counts from its own referral, and its own receipt meets it.",
            "自各自移送时起分别计算，以各自接收为履行。",
        )
    if not obligation.met_by:
        return ""
    met = words.listed((words.event(*occasion) for occasion in obligation.met_by), ("or", "或"))
    return words.say(f" It is met by {met}.", f"以{met}为履行。")


def _shared(pack: PolicyPack, obligation: Obligation, words: Words) -> str:
    """That each unit of a role owes it, and one of them meets it for all."""
    roles = {role for unit in pack.units for role in unit.roles} - {unit.id for unit in pack.units}
    if obligation.owner not in roles:
        return ""
    return words.say(" Each of them owes it until one has done it.", "各单位均须履行，其中一个单位履行即可。")


def _scope(pack: PolicyPack, obligation: Obligation, words: Words) -> Iterator[str]:
    for section, chosen, label in (
        ("categories", obligation.categories, ("Holds for", "适用类别")),
        ("matters", obligation.matters, ("Of the matters", "适用诉求类型")),
        ("channels", obligation.channels, ("Reported by", "适用渠道")),
    ):
        if chosen:
            entries = getattr(pack, section)
            titles = {entry.id: words.text(entry.title) for entry in entries}
            left = [entry.id for entry in entries if entry.id not in chosen]
            names = words.names(chosen, titles)
            if not left:
                names = words.say("all", "全部")
            elif len(left) <= len(chosen) // 4:
                rest = words.names(left, titles)
                names = words.say(f"all but {rest}", f"除{rest}以外的全部")
            yield f"- {words.say(*label)}{words.say(': ', '：')}{names}"
    for more in others(obligation, _TOLD, words):
        yield f"- {_capital(more)}"


def consequences(ladder: Ladder, measures: dict[str, str], words: Words) -> Iterator[str]:
    """The levels of ``ladder`` in their order; ``measures`` are titles by id."""
    first = next(level for level in ladder.levels if not level.is_reminder)
    for level in ladder.levels:
        if level is first and level.after is not None:
            yield words.say("- At the lapse: nothing but that it is recorded.", "- 届满未办：仅作记录，暂不采取措施。")
        measure = measures[level.measure]
        to = words.listed(words.unit(unit) for unit in level.to)
        parts = (
            [words.say("unless a reason was filed in time and accepted", "按时说明理由并经认定成立的除外")]
            if level.unless_justified
            else []
        )
        parts += others(level, ("measure", "before", "share", "after", "to", "unless_justified"), words)
        more = "".join(words.say("; ", "；") + part for part in parts)
        yield words.say(
            f"- {_when(level, words)}: {measure}, to {to}{more}.",
            f"- {_when(level, words)}：{measure}，告知{to}{more}。",
        )
    tail = words.founded(ladder)
    if tail:
        yield words.say(f"- This ladder (`{ladder.id}`): {tail}", f"- 升级阶梯 `{ladder.id}`：{tail}")


def _when(level: Level, words: Words) -> str:
    if level.before is not None:
        return words.say(f"{words.duration(level.before)} before", f"届满前{words.duration(level.before)}")
    if level.share is not None:
        return words.say(f"When {level.share} % of the time has passed", f"期限经过{level.share}%时")
    if level.after is not None:
        return words.say(f"{words.duration(level.after)} after the lapse", f"逾期{words.duration(level.after)}")
    return words.say("At the lapse", "届满未办")


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
