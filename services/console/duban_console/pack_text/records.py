"""What measures and draws open, in sentences: entries on lists, rewards, and duties that no calendar opens."""

from __future__ import annotations

from collections.abc import Iterator

from duban.calendar import Within
from duban.policy.model.draw import DrawRule
from duban.policy.model.duty import DutyRule, Every
from duban.policy.model.ladder import Measure
from duban.policy.model.listing import AppealRule, ListRule, PassingOn, RewardRule
from duban.policy.model.pack import PolicyPack
from duban_console.pack_text.fields import called, others
from duban_console.pack_text.obligations import consequences
from duban_console.pack_text.words import Words

Lines = Iterator[str]
_HEAD = ("id", "title", "clause", "basis")


def opened_by(pack: PolicyPack, measure: Measure, words: Words) -> list[str]:
    """What ``measure`` opens beside its problem: nothing, or one thing."""
    if measure.opens is None:
        return []
    for list_rule in pack.lists:
        if list_rule.id == measure.opens:
            ground = next(words.text(ground.title) for ground in list_rule.grounds if ground.id == measure.ground)
            list_, whom = words.text(list_rule.title), _whom(list_rule, words)
            return [words.say(f"puts {whom} on the list {list_}: {ground}", f"将{whom}列入{list_}，事由：{ground}")]
    for reward_rule in pack.rewards:
        if reward_rule.id == measure.opens:
            title = words.text(reward_rule.title)
            return [words.say(f"makes a reward due: {title}", f"应予奖励：{title}")]
    title = next(words.text(duty.title) for duty in pack.duties if duty.id == measure.opens)
    if measure.owed_by:
        units = words.listed(words.unit(unit) for unit in measure.owed_by)
        return [words.say(f"{units} owes: {title}", f"{units}须履行：{title}")]
    return [words.say(f"whoever is told owes: {title}", f"被告知者须履行：{title}")]


def _whom(list_rule: ListRule, words: Words) -> str:
    if list_rule.of == "enterprise":
        return words.say("the enterprise of the problem", "涉事企业")
    return words.say("the unit that it is taken against", "被采取措施的单位")


def _openers(pack: PolicyPack, opened: str, words: Words) -> str:
    """The measures that open it, by their titles; empty where none does."""
    titles = (words.text(measure.title) for measure in pack.measures if measure.opens == opened)
    return words.listed(dict.fromkeys(titles), ("or", "或"))


def duties(pack: PolicyPack, words: Words) -> Lines:
    """Each duty with its schedule, or with the measures that open it."""
    for duty in pack.duties:
        parts: list[str] = []
        known: tuple[str, ...] = _HEAD
        if duty.schedule.every is Every.NEVER:
            parts += _called(pack, duty.id, words)
            known = (*_HEAD, "schedule")
        parts += others(duty, known, words)
        yield _bullet(duty, parts, words)


def _bullet(entry: DutyRule | DrawRule, parts: list[str], words: Words) -> str:
    text = words.say("; ", "；").join(parts)
    return f"- **{called(entry, words)}**{words.say(': ', '：')}{text}{_tail(entry, words)}"


def _called(pack: PolicyPack, duty: str, words: Words) -> Lines:
    """By which measures and draws a duty is opened that no calendar opens."""
    by = _openers(pack, duty, words)
    if by:
        yield words.say(
            f"owed by whom the measure names, or tells: {by}", f"由措施开启，由其指定者或被告知者履行：{by}"
        )
    drawn = words.listed((words.text(draw.title) for draw in pack.draws if draw.opens == duty), ("or", "或"))
    if drawn:
        yield words.say(f"owed for each problem of the draw: {drawn}", f"抽中的每个问题均须履行：{drawn}")


def draws(pack: PolicyPack, words: Words) -> Lines:
    """Each draw: among which problems, how many, what is owed for each, and by whom; whom it spares."""
    duties_ = {duty.id: words.text(duty.title) for duty in pack.duties}
    lists_ = {list_rule.id: words.text(list_rule.title) for list_rule in pack.lists}
    channels = {channel.id: words.text(channel.title) for channel in pack.channels}
    for draw in pack.draws:
        many = words.say(f"{draw.number} problems", f"{draw.number}个")
        if draw.share is not None:
            many = words.say(f"{draw.share}% of the problems", f"{draw.share}%")
        statuses = words.listed((words.status(status.value) for status in draw.statuses), ("or", "或"))
        unit, duty = words.unit(draw.by), duties_[draw.opens]
        parts = [
            words.say(f"{many} that are {statuses} are drawn at random", f"从“{statuses}”的问题中随机抽取{many}"),
            words.say(f"for each, {unit} owes: {duty}", f"每个抽中的问题由{unit}履行：{duty}"),
        ]
        if draw.spares is not None:
            list_, ways = lists_[draw.spares], words.names(draw.never_spares, channels)
            but = words.say(f", unless reported by {ways}", f"，经{ways}反映的除外") if ways else ""
            parts.append(words.say(f"whoever stands on {list_} is spared{but}", f"列入{list_}的不抽{but}"))
        known = (*_HEAD, "statuses", "number", "share", "by", "opens", "spares", "never_spares")
        parts += others(draw, known, words)
        yield _bullet(draw, parts, words)


def lists(pack: PolicyPack, words: Words) -> Lines:
    """Each list as a heading: who comes on it and why, what comes before it counts, what it bars, how it ends."""
    for index, list_rule in enumerate(pack.lists):
        if index:
            yield ""
        yield f"### {words.text(list_rule.title)} (`{list_rule.id}`)"
        yield ""
        keeper = words.unit(list_rule.keeper)
        who = words.say(*{"enterprise": ("Enterprises", "企业"), "unit": ("Units", "单位")}[list_rule.of])
        yield words.say(
            f"{who} stand on it; kept by {keeper}.", f"列入对象为{who}，由{keeper}管理。"
        ) + _tail(list_rule, words)  # fmt: skip
        yield ""
        yield from _grounds(pack, list_rule, words)
        sparing = words.listed(words.text(draw.title) for draw in pack.draws if draw.spares == list_rule.id)
        if sparing:
            yield words.say(f"- It spares from: {sparing}.", f"- 列入的不参加：{sparing}。")
        yield f"- {_notice(list_rule, words)}"
        yield f"- {_end(list_rule, words)}"
        if list_rule.bars:
            bars = words.listed(words.text(bar) for bar in list_rule.bars)
            yield words.say(f"- It bars from {bars}.", f"- 列入期间限制：{bars}。")
        yield (
            words.say("- It is public.", "- 向社会公开。")
            if list_rule.public
            else words.say("- Only those concerned are told.", "- 只告知当事人。")
        )
        yield from _passed_on(pack, list_rule.passed_on, words)
        yield from _appeal(pack, list_rule.appeal, words)
        known = ("of", "keeper", "grounds", "notice", "term", "appeal", "public", "passed_on", "bars", "texts")
        yield from (f"- {more}" for more in others(list_rule, (*_HEAD, *known), words))
        yield from _texts(list_rule, words)


def _grounds(pack: PolicyPack, list_rule: ListRule, words: Words) -> Lines:
    for ground in list_rule.grounds:
        measures = [
            words.text(measure.title)
            for measure in pack.measures
            if (measure.opens, measure.ground) == (list_rule.id, ground.id)
        ]
        by = words.listed(dict.fromkeys(measures), ("or", "或"))
        way = words.say(f"by the measure {by}, or ", f"因措施“{by}”列入，或") if by else ""
        way += words.say("by its keeper, with evidence", "由管理单位凭证据列入")
        ground_ = words.text(ground.title)
        yield words.say(f"- Ground: {ground_}: {way}.", f"- 事由：{ground_}（{way}）。") + _tail(ground, words)


def _notice(list_rule: ListRule, words: Words) -> str:
    if list_rule.notice is None:
        return words.say("It counts at once, without notice before.", "列入即生效，事先不另行告知。")
    limit = _limit(list_rule.notice, words)
    return words.say(
        f"Whoever is to stand on it is told first and may answer {limit}; then it counts.",
        f"列入前先行告知，可在{limit}申诉；期满未申诉的，列入生效。",
    )


def _end(list_rule: ListRule, words: Words) -> str:
    if list_rule.term is None:
        return words.say(
            "It has no term: the keeper takes it off, on proof that all is made good.",
            "无固定期限：证明已全面整改的，由管理单位移出。",
        )
    term = words.duration(list_rule.term)
    return words.say(
        f"It ends by itself after {term}; the keeper takes it off before, on proof that all is made good.",
        f"列入满{term}自动移出；证明已全面整改的，由管理单位提前移出。",
    )


def _limit(within: Within, words: Words) -> str:
    """``within 5 days``, ``by 12:00 the next day``."""
    duration = words.duration(within)
    return (
        words.say(f"by {duration}", f"{duration}前")
        if within.at is not None
        else words.say(f"within {duration}", f"{duration}内")
    )


def _passed_on(pack: PolicyPack, rule: PassingOn | None, words: Words) -> Lines:
    if rule is None:
        return
    platform = next(words.text(platform.title) for platform in pack.platforms if platform.id == rule.to)
    limit = _limit(rule.within, words)
    yield words.say(
        f"- Each entry goes on to {platform}, whose receipt is due {limit}; so does its end.",
        f"- 列入、移出均归集至{platform}，{limit}须取得回执。",
    ) + _tail(rule, words)
    yield from _climbs(pack, rule.ladder, words)


def _appeal(pack: PolicyPack, rule: AppealRule | None, words: Words) -> Lines:
    if rule is None:
        yield words.say("- Nobody hears an appeal.", "- 不受理申诉。")
        return
    to, limit = words.unit(rule.to), _limit(rule.within, words)
    yield words.say(
        f"- An appeal is decided by {to} {limit}; what has not counted yet, does not count before.",
        f"- 申诉由{to}在{limit}作出决定；尚未生效的，决定前不生效。",
    ) + _tail(rule, words)
    yield from _climbs(pack, rule.ladder, words)


def _texts(list_rule: ListRule, words: Words) -> Lines:
    titles = {"noticed": ("Notice before", "列入前告知"), "listed": ("On listing", "列入"), "delisted": ("Off", "移出")}
    for name, text in list_rule.texts:
        if name != "noticed" or list_rule.notice is not None:
            first, *more = text.splitlines()
            yield ""
            yield f"  > {words.say(*titles[name])}{words.say(': ', '：')}{first}"
            yield from (f"  > {line}" for line in more)


def rewards(pack: PolicyPack, words: Words) -> Lines:
    """Each class of rewards as a heading: for whom, how much, who fixes and who pays it, until when."""
    for index, reward_rule in enumerate(pack.rewards):
        if index:
            yield ""
        yield f"### {words.text(reward_rule.title)} (`{reward_rule.id}`)"
        yield ""
        yield _range(reward_rule, words) + _tail(reward_rule, words)
        yield ""
        by = _openers(pack, reward_rule.id, words)
        if by:
            yield words.say(f"- Due by the measure {by}.", f"- 因措施“{by}”应予奖励。")
        by, limit = words.unit(reward_rule.by), _limit(reward_rule.fixed_within, words)
        yield words.say(f"- {by} fixes the amount {limit}, or declines it with a reason.",
                        f"- {by}在{limit}核定金额，或说明理由不予奖励。")  # fmt: skip
        yield from _climbs(pack, reward_rule.ladder, words)
        pays, limit = words.unit(reward_rule.pays), _limit(reward_rule.collect_within, words)
        shows = words.say("whoever shows the code of the report", "凭举报查询码领取者")
        if reward_rule.to == "worker":
            shows = words.say("the worker of the cell", "网格责任人")
        yield words.say(
            f"- {pays} pays it to {shows}; what is not collected {limit} is forfeited.",
            f"- {pays}发放给{shows}；核定后{limit}未领取的，视为放弃。",
        )
        known = ("to", "at_least", "at_most", "currency", "budget", "by", "fixed_within", "ladder", "pays",
                 "collect_within")  # fmt: skip
        yield from (f"- {more}" for more in others(reward_rule, (*_HEAD, *known), words))


def _range(reward_rule: RewardRule, words: Words) -> str:
    least, most, currency = f"{reward_rule.at_least:,}", f"{reward_rule.at_most:,}", reward_rule.currency
    range_ = words.say(f"{least} to {most} {currency}", f"{least}至{most} {currency}")
    if reward_rule.at_least == reward_rule.at_most:
        range_ = f"{least} {currency}"
    whom = words.say(
        *{"reporter": ("the reporter", "举报人"), "worker": ("the worker of the cell", "网格责任人")}[reward_rule.to]
    )
    if reward_rule.budget is None:
        return words.say(f"{range_} for {whom}; no budget bounds it.", f"奖励{whom}{range_}，无年度预算上限。")
    budget = f"{reward_rule.budget:,}"
    return words.say(
        f"{range_} for {whom}; at most {budget} {currency} in one year.",
        f"奖励{whom}{range_}，全年不超过{budget} {currency}。",
    )


def _climbs(pack: PolicyPack, ladder: str, words: Words) -> Lines:
    measures = {measure.id: words.text(measure.title) for measure in pack.measures}
    climbed = next(entry for entry in pack.ladders if entry.id == ladder)
    yield from (f"  {line}" for line in consequences(climbed, measures, words))


def _tail(entry: object, words: Words) -> str:
    founded = words.founded(entry)
    return words.say(f" {founded}", founded) if founded else ""
