"""A whole pack as Markdown: what it is, who is who, who answers for what, what is due when and what follows if not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from pydantic import BaseModel

from duban.policy.language import Language
from duban.policy.model.entry import Founded
from duban.policy.model.organisation import DESK, Category, Matter, Nearness, Responsibility
from duban.policy.model.pack import PolicyPack
from duban_console.pack_text.fields import called, field_name, others, section_in_words
from duban_console.pack_text.justification import justification
from duban_console.pack_text.obligations import obligations
from duban_console.pack_text.privacy import privacy
from duban_console.pack_text.records import Lines, draws, duties, lists, opened_by, rewards
from duban_console.pack_text.signs import signs, triggers
from duban_console.pack_text.steps import steps
from duban_console.pack_text.words import COUNTING, WEEKDAYS, Words


def explained(pack: PolicyPack, language: Language = Language.EN) -> str:
    """``pack`` as a person would read it, in Markdown; a section that is not known here is told by its shape."""
    words = Words(language)
    roles = {role for unit in pack.units for role in unit.roles}
    words.titles = {role: words.say(f"the units of the role {role}", f"“{role}”类单位") for role in roles}
    words.titles |= {unit.id: words.text(unit.title) for unit in pack.units}
    words.steps = {step.id: words.text(step.title) for step in pack.steps}
    for field, section in _REFERRING.items():
        words.entries[field] = {entry.id: words.text(entry.title) for entry in getattr(pack, section)}
    words.entries["obligations"] |= words.entries["duties"]  # a reason for being late may be of either
    parts = [_head(pack, words)]
    for heading, tell in _CHAPTERS:
        parts.append(_chapter(words.say(*heading), tell(pack, words)))
    for section in _unknown(pack):
        if section in _TOLD_BY:
            heading, tell = _TOLD_BY[section]
            parts.append(_chapter(words.say(*heading), tell(pack, words)))
            continue
        name = field_name(section, words)
        parts.append(_chapter(name[0].upper() + name[1:], section_in_words(getattr(pack, section), words)))
    bases = words.say("What rests on the document, and what on practice", "何者有据，何者为惯例")
    parts.append(_chapter(bases, _bases(pack, words)))
    return "\n\n".join("\n".join(part).rstrip() for part in parts) + "\n"


def _chapter(heading: str, lines: Iterable[str]) -> list[str]:
    return [f"## {heading}", "", *lines]


def _unknown(pack: PolicyPack) -> list[str]:
    """The sections that are filled and not told by a chapter of their own."""
    fields = type(pack).model_fields
    return [
        name
        for name, value in pack
        if name not in _KNOWN and value is not None and value != () and value != fields[name].default
    ]


def _head(pack: PolicyPack, words: Words) -> list[str]:
    number = pack.number.format(year=2026, serial=1)
    return [
        f"# {words.text(pack.title)}",
        "",
        words.say(
            f"Policy pack `{pack.id}`, version {pack.version}, for `{pack.jurisdiction}`. Document: {pack.document}",
            f"政策包 `{pack.id}`，第{pack.version}版，适用于 `{pack.jurisdiction}`。文件：{pack.document}",
        ),
        "",
        words.say(
            f"{words.unit(pack.office)} keeps the ledger; a problem gets a number such as {number}.",
            f"{words.unit(pack.office)}管理台账，问题编号如“{number}”。",
        ),
    ]


def _time(pack: PolicyPack, words: Words) -> Lines:
    time = pack.time
    spans = words.listed(f"{interval.start}–{interval.end}" for interval in time.hours.intervals)
    days = _weekdays(time.hours.weekdays, words)
    yield (
        words.say(
            f"Working time is {spans} on {days}, less the holidays of the calendar `{time.calendar}`. ",
            f"工作时间为{days}{spans}，节假日与调休按日历 `{time.calendar}` 。",
        )
        + words.say(*COUNTING[time.counting])
        + _tail(time, words)
    )


def _weekdays(days: Sequence[str], words: Words) -> str:
    """``Mon to Fri`` where they follow one another."""
    names = [words.say(*WEEKDAYS[day]) for day in days]
    places = [list(WEEKDAYS).index(day) for day in days]
    if len(days) > 2 and places == list(range(places[0], places[0] + len(days))):
        return words.say(f"{names[0]} to {names[-1]}", f"{names[0]}至{names[-1]}")
    return words.listed(names)


def _units(pack: PolicyPack, words: Words) -> Lines:
    areas = {area.id: words.text(area.title) for area in pack.areas}
    for unit in pack.units:
        parts = []
        if unit.id == pack.office:
            parts.append(words.say("keeps the ledger", "管理台账"))
        if unit.id == pack.fallback.unit:
            parts.append(words.say("takes what nobody else does", "兜底接收"))
        if unit.parent:
            parts.append(words.say(f"under {words.unit(unit.parent)}", f"隶属{words.unit(unit.parent)}"))
        mine = [areas[area.id] for area in pack.areas if area.unit == unit.id]
        if mine:
            parts.append(words.say("answers for ", "负责区域：") + words.listed(mine))
        parts += others(unit, ("id", "title", "parent", "clause", "basis"), words)
        yield _bullet(called(unit, words), parts, unit, words)


def _areas(pack: PolicyPack, words: Words) -> Lines:
    titles = {area.id: words.text(area.title) for area in pack.areas}
    if not titles:
        yield words.say("The pack names no areas.", "本政策包未划分区域。")
    for area in pack.areas:
        parts = [words.say(f"in {titles[area.parent]}", f"位于{titles[area.parent]}")] if area.parent else []
        parts += others(area, ("id", "title", "parent"), words)
        yield _bullet(called(area, words), parts, area, words)


def _channels(pack: PolicyPack, words: Words) -> Lines:
    for channel in pack.channels:
        parts = others(channel, ("id", "title", "clause", "basis"), words)
        yield _bullet(called(channel, words), parts, channel, words)


def _categories(pack: PolicyPack, words: Words) -> Lines:
    yield words.say("Two reports of one category: ", "同一类别的两条线索：") + _near(pack.near, words)
    yield ""
    unnamed = words.say("for reports that name no category", "线索未注明类别时归入此类")
    yield from _sorts(pack.categories, pack.default_category, unnamed, words)
    if pack.matters:
        yield ""
        yield words.say("Two reports that want different things are never one problem:", "诉求类型不同的线索不合并：")
        yield ""
    unnamed = words.say("for reports that name none", "线索未注明诉求类型时归入此类")
    yield from _sorts(pack.matters, pack.default_matter, unnamed, words)


def _sorts(sorts: Sequence[Category | Matter], default: str | None, unnamed: str, words: Words) -> Lines:
    """Categories, or matters; of the ``default`` it says that it is for what is ``unnamed``."""
    for sort in sorts:
        parts = [_near(sort.near, words)] if sort.near else []
        if sort.id == default:
            parts.append(unnamed)
        parts += others(sort, ("id", "title", "near", "clause", "basis"), words)
        yield _bullet(called(sort, words), parts, sort, words)


def _near(near: Nearness | str, words: Words) -> str:
    if not isinstance(near, Nearness):
        return words.say("each stands for itself", "不合并，各自立案")
    return words.say(
        f"within {near.metres:g} m and {near.hours:g} h they are one problem",
        f"相距{near.metres:g}米以内、相隔{near.hours:g}小时以内的，合并为一个问题",
    )


def _list(pack: PolicyPack, words: Words) -> Lines:
    yield words.say("The first line that fits takes the report.", "自上而下，首个相符的条目承接。")
    yield ""
    for index, line in enumerate(pack.responsibility_list, start=1):
        what = _scope(pack, line, words)
        lead = words.unit(line.lead)
        sentence = words.say(f"{what}: {lead} leads", f"{what}：{lead}主办")
        if line.lead == DESK:
            sentence = words.say(f"{what}: {lead} assigns it", f"{what}：{lead}，不自动交办")
        if line.co:
            helping = words.listed(words.unit(unit) for unit in line.co)
            sentence += words.say(f", with {helping}", f"，{helping}协办")
        known = ("categories", "matters", "areas", "channels", "lead", "co", "clause", "basis")
        sentence += "".join(words.say("; ", "；") + more for more in others(line, known, words))
        yield f"{index}. {sentence}{words.say('.', '。')}{_tail(line, words)}"
    yield ""
    if pack.always_responsible:
        always = words.listed(words.unit(unit) for unit in pack.always_responsible)
        yield words.say(f"Always responsible as well: {always}.", f"以下始终负责，不再列出：{always}。")
        yield ""
    desk = words.unit(pack.fallback.unit)
    sentence = words.say(f"What no line takes goes to {desk}.", f"无条目相符的，由{desk}承接。")
    yield sentence + _tail(pack.fallback, words)


def _scope(pack: PolicyPack, line: Responsibility, words: Words) -> str:
    parts = []
    if line.categories:
        parts.append(
            words.names(line.categories, {category.id: words.text(category.title) for category in pack.categories})
        )
    if line.matters:
        names = words.names(line.matters, {matter.id: words.text(matter.title) for matter in pack.matters})
        parts.append(words.say(f"wanting {names}", f"属{names}的"))
    if line.areas:
        names = words.names(line.areas, {area.id: words.text(area.title) for area in pack.areas})
        parts.append(words.say(f"in {names}", f"位于{names}的"))
    if line.channels:
        names = words.names(line.channels, {channel.id: words.text(channel.title) for channel in pack.channels})
        parts.append(words.say(f"reported by {names}", f"经{names}反映的"))
    return words.say(" ", "，").join(parts) or words.say("Everything", "全部问题")


def _life(pack: PolicyPack, words: Words) -> Lines:
    needs = [words.say("sealed evidence", "固化的证据")] if pack.hand_back.evidence else []
    needs += [words.say("the clause it rests on", "所依据的条款")] if pack.hand_back.clause_cited else []
    with_ = words.listed(needs) or words.say("no more than a reason", "说明理由")
    most, within = pack.hand_back.at_most, pack.hand_back.within
    until = words.duration(within) if within is not None else ""
    yield words.say(
        f"- A unit hands back what is not its own with {with_}, at most {most} times for one problem"
        + (f", until {until} after the dispatch and not later." if until else "."),
        f"- 非本单位职责的，可退单，须有{with_}；同一问题最多退{most}次"
        + (f"；自交办起{until}内提出，逾期不予退单。" if until else "。"),
    ) + _tail(pack.hand_back, words)
    closing = pack.closing
    check = (
        ("is verified by somebody else", "须经他人核查") if closing.verify else ("needs no verification", "无须核查")
    )
    end = ("the office strikes it off", "由办公室销号")
    if closing.strike_off == "automatic":
        end = ("it is struck off by itself", "自动销号")
    outcomes = words.listed(closing.outcomes, ("or", "或"))
    yield words.say(
        f"- Completed work {check[0]}; then {end[0]}. Its outcome is one of: {outcomes}.",
        f"- 办结后{check[1]}，{end[1]}。办理结果为：{outcomes}。",
    ) + _tail(closing, words)
    if closing.items:
        must = words.listed(closing.item_for, ("or", "或"))
        word = words.say(f"; one with the outcome {must} must", f"；结果为{must}的必须引用") if must else ""
        yield words.say(
            f"- It may cite items of the catalogue of enforcement{word}:", f"- 可引用执法事项目录中的事项{word}："
        )
        yield from (f"  - {item.code} {words.text(item.title)}{_tail(item, words)}" for item in closing.items)
    known = ("clause", "basis", "evidence", "clause_cited", "at_most", "within", "verify", "strike_off",
             "outcomes", "items", "item_for")  # fmt: skip
    for more in (*others(pack.hand_back, known, words), *others(closing, known, words)):
        yield f"- {more}"


def _measures(pack: PolicyPack, words: Words) -> Lines:
    for measure in pack.measures:
        parts = [words.say("made public", "向社会公开")] if measure.public else []
        if measure.approval is not None:
            by = words.unit(measure.approval)
            parts.append(
                words.say(f"waits for the approval of {by}, which may withhold it with a reason",
                          f"须经{by}批准；说明理由的，可不予批准")
            )  # fmt: skip
        elif measure.public and pack.public_texts == "by_clerk":
            by = words.unit(pack.office)
            parts.append(
                words.say(f"about a problem, once {by} has looked at its text", f"涉及问题的，文本经{by}审核后公开")
            )
        parts += opened_by(pack, measure, words)
        known = (
            "id",
            "kind",
            "title",
            "text",
            "public",
            "approval",
            "opens",
            "ground",
            "owed_by",
            "clause",
            "basis",
        )
        parts += others(measure, known, words)
        yield _bullet(called(measure, words), parts, measure, words)
        yield ""
        yield from (f"  > {line}" for line in measure.text.splitlines())
        yield ""


def _bases(pack: PolicyPack, words: Words) -> Lines:
    by_clause: dict[str, list[str]] = {}
    practice: dict[str, list[str]] = {}
    for section, value in pack:
        for name, entry in _founded(section, value, words):
            if entry.clause:
                by_clause.setdefault(entry.clause, []).append(name)
            elif entry.basis:
                practice.setdefault(section, []).append(name)
    colon = words.say(": ", "：")
    for clause, names in by_clause.items():
        yield f"- {clause}{colon}{words.listed(dict.fromkeys(names))}"
    silent = sum(map(len, practice.values()))
    total = silent + sum(map(len, by_clause.values()))
    yield "" if by_clause else words.say("Nothing cites a clause.", "全部条目均未引条款。")
    yield words.say(
        f"{silent} of {total} entries are practice, where the document is silent.",
        f"{total}项中有{silent}项为惯例（文件未作规定）。",
    )
    yield ""
    for section, names in practice.items():
        yield f"- {field_name(section, words)}{colon}{words.listed(dict.fromkeys(names))}"


def _founded(field: str, value: Any, words: Words) -> Iterator[tuple[str, Founded]]:
    """Every entry in ``value`` that rests on something, by what it is called, and those inside it."""
    name = field_name(field, words)
    for place, entry in enumerate(value if isinstance(value, tuple) else (value,), start=1):
        if isinstance(entry, Founded):
            line = words.say(f"{name} line {place}", f"{name}第{place}项") if isinstance(value, tuple) else name
            yield called(entry, words) or line, entry
        if isinstance(entry, BaseModel):
            for inner, inside in entry:
                yield from _founded(inner, inside, words)


def _bullet(name: str, parts: list[str], entry: Any, words: Words) -> str:
    colon = words.say(": ", "：") if parts else ""
    return f"- **{name}**{colon}{words.say('; ', '；').join(parts)}{_tail(entry, words)}"


def _tail(entry: Any, words: Words) -> str:
    founded = words.founded(entry)
    return words.say(f" {founded}", founded) if founded else ""


#: Fields that refer to entries, and the sections where those stand.
_REFERRING: Final = {
    "measure": "measures", "measures": "measures", "categories": "categories", "matters": "matters",
    "channels": "channels", "areas": "areas", "flag": "flags", "flags": "flags", "during": "windows",
    "own_channels": "channels", "obligations": "obligations", "duties": "duties", "reply": "replies",
    "rating": "ratings", "sign": "signs",
}  # fmt: skip
#: The chapters in the order of a first reading.
_CHAPTERS: Final[tuple[tuple[tuple[str, str], Callable[[PolicyPack, Words], Lines]], ...]] = (
    (("Who is who", "单位"), _units),
    (("Areas", "区域"), _areas),
    (("How time counts", "时间如何计算"), _time),
    (("By which way reports come in", "线索渠道"), _channels),
    (("Categories and matters", "问题类别与诉求类型"), _categories),
    (("Who answers for what", "责任清单"), _list),
    (("Handing back and closing", "退单与销号"), _life),
    (("What is due when, and what follows if not", "时限与逾期后果"), obligations),
    (("The measures and their words", "措施与文书"), _measures),
)  # fmt: skip
#: How a section is told that stands among the others, where there is a better way than by its shape.
_TOLD_BY: Final[dict[str, tuple[tuple[str, str], Callable[[PolicyPack, Words], Lines]]]] = {
    "justification": (("Reasons for being late", "逾期理由"), justification),
    "steps": (("Steps of its own", "自设办理环节"), steps),
    "signs": (("Signs that work is done for the figures", "应付考核的迹象"), signs),
    "triggers": (("Triggers", "触发措施"), triggers),
    "duties": (("Duties", "定期任务"), duties),
    "lists": (("Who stands on which list", "名单与信用记录"), lists),
    "rewards": (("Rewards", "举报奖励"), rewards),
    "draws": (("Random draws", "随机抽查"), draws),
    "privacy": (("Personal data", "个人信息"), privacy),
}
#: The sections that those chapters tell.
_KNOWN: Final = frozenset(
    {"id", "version", "jurisdiction", "title", "document", "time", "number", "office", "units", "channels", "areas",
     "categories", "default_category", "matters", "default_matter", "near", "responsibility_list",
     "always_responsible", "fallback", "hand_back",
     "closing", "measures", "ladders", "obligations"}
)  # fmt: skip
