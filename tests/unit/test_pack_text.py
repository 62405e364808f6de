"""A pack told in sentences loses nothing, in either language; two packs set beside each other show what changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel, Field, create_model

from duban.calendar import AMOUNTS, Within
from duban.messages.events import KINDS
from duban.moves import Status
from duban.policy import PolicyPack, load_pack
from duban.policy.laws import breaches
from duban.policy.model.assessment import Column, Heading
from duban.policy.model.entry import Founded, Text
from duban.policy.model.ladder import RELATIVE
from duban.policy.model.organisation import TERRITORIAL
from duban.policy.plain_data import plain_data
from duban_console.pack_text import Difference, Language, differences, explained
from duban_console.pack_text.fields import field_name, value_in_words
from duban_console.pack_text.words import EVENTS, ROLES, STATUSES, WEEKDAYS, Words
from tests.unit.test_guide_fields import fields, models

ROOT: Final = Path(__file__).parents[2]
EXAMPLE: Final = ROOT / "docs/example-pack.yaml"
GUIDE: Final = ROOT / "docs/writing-a-pack.md"
#: The words of a measure before and after, as they are told where only the Chinese differs.
WORDS: Final = ("Reminder / 提醒", "Reminder / 提示")
#: The pack that uses every part of the language.
SMALL: Final = ROOT / "tests/data/packs/small.yaml"
INSTRUCTIONS: Final = ROOT / "tests/data/packs/instructions.yaml"
PACKS: Final = [EXAMPLE, SMALL, INSTRUCTIONS, *sorted((ROOT / "deploy/packs").glob("*.yaml"))]


def example(*changes: tuple[str, str]) -> PolicyPack:
    """The pack of the guide, with some passages replaced."""
    text = EXAMPLE.read_text("utf-8")
    for passage, by in changes:
        assert passage in text
        text = text.replace(passage, by)
    pack = PolicyPack.model_validate(yaml.safe_load(text))
    assert list(breaches(pack)) == []
    return pack


def test_an_obligation_is_a_sentence_and_its_ladder_follows() -> None:
    told = explained(example())
    _, after = told.split("### Acknowledge the transfer (`acknowledge`)")
    assert after.split("###")[0].strip().splitlines() == [
        (
            "The lead unit must acknowledge the transfer within 1 working day of dispatch, "
            "while the problem is given to a unit. [第十一条]"
        ),
        "",
        "- 2 working hours before: Reminder, to the unit that owes it.",
        "- At the lapse: Bulletin, to the unit that owes it and the office.",
        "- 3 working days after the lapse: Interview, to the unit that owes it and the unit above it.",
        "- This ladder (`standard`): [practice]",
    ]


def test_an_obligation_is_told_in_chinese() -> None:
    told = explained(example(), Language.ZH)
    assert "主办单位须在交办后1个工作日内签收（问题处于“已交办待签收”期间）。〔第十一条〕" in told
    assert "- 届满前2个工作小时：提醒，告知责任单位。" in told
    assert "1. 河流污染：市水利局主办，市生态环境局协办。〔第七条〕" in told


def test_every_kind_of_duration_is_told_in_both_languages() -> None:
    kinds = {kind: Within.model_validate({kind: 2}) for kind in AMOUNTS}
    english, chinese = (
        {kind: Words(language).duration(within) for kind, within in kinds.items()} for language in Language
    )
    assert english == {kind: f"2 {kind.replace('_', ' ')}" for kind in AMOUNTS}
    assert (chinese["weeks"], chinese["months"], chinese["years"]) == ("2周", "2个月", "2年")
    assert Words(Language.EN).duration(Within(months=1)) == "1 month"


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("path", PACKS, ids=lambda path: path.stem)
def test_every_entry_is_told_by_its_title(path: Path, language: Language) -> None:
    pack = load_pack(path.read_text("utf-8"), path.name)
    told = explained(pack, language).casefold()
    titled = [
        entry
        for _, value in pack
        if isinstance(value, tuple)
        for entry in value
        if isinstance(getattr(entry, "title", None), Text)
    ]
    assert titled
    for entry in titled:
        title = (entry.title.zh or entry.title.en) if language is Language.ZH else entry.title.en
        assert title.casefold() in told, title


def clauses(value: Any) -> Iterator[str]:
    """Every clause that is cited anywhere inside ``value``."""
    if isinstance(value, list):
        for inner in value:
            yield from clauses(inner)
    elif isinstance(value, dict):
        yield from (str(inner) for key, inner in value.items() if key == "clause")
        for inner in value.values():
            yield from clauses(inner)


@pytest.mark.parametrize("path", PACKS, ids=lambda path: path.stem)
def test_every_clause_that_is_cited_is_listed(path: Path) -> None:
    pack = load_pack(path.read_text("utf-8"), path.name)
    bases = explained(pack).split("## What rests on the document")[1]
    cited = set(clauses(pack.model_dump(mode="json", exclude_none=True)))
    assert cited
    for clause in cited:
        assert f"\n- {clause}: " in bases


def test_a_section_that_nobody_knew_of_is_told_by_its_shape() -> None:
    kitchen = create_model("Kitchen", __base__=Founded, title=(Text, ...), cooks=(int, 1), dishes=(tuple[str, ...], ()))
    later = create_model("Later", __base__=PolicyPack, soup_kitchens=(tuple[kitchen, ...], Field(default=())))
    told_of = {"title": Text(en="By the bridge"), "cooks": 3, "dishes": ("soup", "bread"), "clause": "art. 9"}
    entry = kitchen.model_validate(told_of)
    pack = later.model_validate({**dict(example()), "soup_kitchens": (entry,)})
    told = explained(pack)
    assert "## Soup kitchens\n\n- **By the bridge**: cooks: 3; dishes: soup and bread [art. 9]\n" in told
    assert "soup kitchens" not in explained(example()).lower()


def test_every_event_status_and_role_has_its_words() -> None:
    assert set(KINDS) - set(EVENTS) == set()
    assert {status.value for status in Status} - set(STATUSES) == set()
    assert {*RELATIVE, TERRITORIAL} - set(ROLES) == set()


def small(*changes: tuple[str, str]) -> PolicyPack:
    """The small pack, which uses every part of the language, with some passages replaced."""
    text = SMALL.read_text("utf-8")
    for passage, by in changes:
        assert passage in text
        text = text.replace(passage, by)
    return load_pack(text, SMALL.name)


def chapter(heading: str, pack: PolicyPack, language: Language = Language.EN) -> list[str]:
    """The lines of one chapter or section, without empty ones."""
    told = explained(pack, language).split(f"{heading}\n")[1]
    return [line for line in re.split(r"\n##+ ", told)[0].splitlines() if line]


def test_a_list_is_told_from_the_ground_to_the_exit() -> None:
    assert chapter("### Blacklist (`blacklist`)", small()) == [
        "Enterprises stand on it; kept by The office. [art. 14]",
        (
            "- Ground: broke the law again and again: by the measure Blacklisting, or by its keeper, with evidence. "
            "[art. 14]"
        ),
        "- Whoever is to stand on it is told first and may answer within 5 days; then it counts.",
        (
            "- It ends by itself after 2 years; "
            "the keeper takes it off before, on proof that all is made good."
        ),
        "- It bars from new projects and subsidies.",
        "- It is public.",
        (
            "- An appeal is decided by Water bureau within 3 working days; "
            "what has not counted yet, does not count before. [practice]"
        ),
        "  - At the lapse: Bulletin, to the unit that owes it and the unit above it.",
        "  - This ladder (`late-report`): [practice]",
        "  > Notice before: {of} is to stand on the {list} ({ground}) and may answer until {until}",
        "  > On listing: {of} stands on the {list} until {until_date}, barred from {bars}",
        "  > Off: {of} is off the {list}",
    ]  # fmt: skip


def test_a_notice_of_several_lines_stays_in_its_quotation() -> None:
    text = 'listed: "{of} is on record ({number})"'
    told = chapter("### Credit record (`record`)", small((text, 'listed: "Record\\n{of}\\n{number}"')))
    assert "  > On listing: Record\n  > {of}\n  > {number}" in "\n".join(told)


def test_a_list_without_rights_says_so() -> None:
    told = chapter("### Credit record (`record`)", small())
    assert "- It counts at once, without notice before." in told
    assert "- It has no term: the keeper takes it off, on proof that all is made good." in told
    assert "- Nobody hears an appeal." in told


def test_a_list_is_told_in_chinese() -> None:
    told = chapter("### Blacklist (`blacklist`)", small(), Language.ZH)
    assert "- 列入前先行告知，可在5日内申诉；期满未申诉的，列入生效。" in told
    assert "- 列入满2年自动移出；证明已全面整改的，由管理单位提前移出。" in told
    assert "- 申诉由Water bureau在3个工作日内作出决定；尚未生效的，决定前不生效。〔惯例〕" in told


def test_a_reward_is_told_with_its_range_its_budget_and_who_pays() -> None:
    assert chapter("### Reward for a report (`tip`)", small()) == [
        "1,000 to 30,000 CNY for the reporter; at most 50,000 CNY in one year. [art. 16]",
        "- Due by the measure Reward.",
        "- The office fixes the amount within 5 working days, or declines it with a reason.",
        "  - At the lapse: Bulletin, to the unit that owes it and the unit above it.",
        "  - This ladder (`late-report`): [practice]",
        (
            "- Water bureau pays it to whoever shows the code of the report; "
            "what is not collected within 90 days is forfeited."
        ),
    ]  # fmt: skip
    unbounded = chapter("### Reward for a report (`tip`)", small(("    budget: 50000\n", "    to: worker\n")))
    assert "1,000 to 30,000 CNY for the worker of the cell; no budget bounds it. [art. 16]" in unbounded
    assert "pays it to the worker of the cell" in unbounded[-1]


def test_a_measure_says_what_it_opens_and_who_may_withhold_it() -> None:
    told = chapter("## The measures and their words", small())
    assert "- **Called to explain**: whoever is told owes: Explain oneself [practice]" in told
    assert "- **Reward**: makes a reward due: Reward for a report [art. 16]" in told
    assert (
        "- **Breach**: waits for the approval of Police, which may withhold it with a reason; "
        "puts the unit that it is taken against on the list Credit record: broke its word [art. 15]"
    ) in told


def test_a_duty_that_no_calendar_opens_names_the_measure_or_the_draw_that_does() -> None:
    told = "\n".join(chapter("## Duties", small()))
    assert "- **Explain oneself**: owed by whom the measure names, or tells: Called to explain; within: " in told
    assert "- **Check on the spot**: owed for each problem of the draw: Spot checks of what was struck off; w" in told


def test_a_draw_says_among_which_problems_how_many_and_whom_it_spares() -> None:
    assert chapter("## Random draws", small()) == [
        (
            "- **Spot checks of what was struck off**: 25% of the problems that are struck off are drawn at random; "
            "for each, The office owes: Check on the spot; "
            "whoever stands on Exemplary enterprises is spared, unless reported by Hotline; "
            "categories: River and Noise; channels: Hotline and Patrol [art. 18]"
        ),
    ]  # fmt: skip
    spared = chapter("### Exemplary enterprises (`exemplary`)", small())
    assert "- It spares from: Spot checks of what was struck off." in spared


def test_the_items_that_a_completion_cites_are_listed() -> None:
    told = chapter("## Handing back and closing", small())
    assert "- It may cite items of the catalogue of enforcement; one with the outcome penalized must:" in told
    assert "  - EN-01 Discharge without a permit [art. 17]" in told


def test_a_receipt_is_owed_by_each_body_for_itself() -> None:
    receipt = '    title: {en: Confirm receipt of a referral}\n    owner: "@office"'
    [said, *_] = chapter("(`receipt`)", small((receipt, receipt.replace("@office", "@referred"))))
    assert said.startswith("Each body that it is referred to must confirm receipt of a referral within 3 working days")
    assert "Each counts from its own referral, and its own receipt meets it." in said


def test_a_trigger_names_the_channels_it_listens_to() -> None:
    assert any("channels: Hotline" in line for line in chapter("## Triggers", small()) if "crime-proved" in line)


@pytest.mark.parametrize(
    ("passage", "by", "change"),
    [
        (
            "term: {years: 2}",
            "term: {years: 3}",
            Difference("lists", "blacklist", "term", "changed", "2 years", "3 years"),
        ),
        (
            "term: {years: 2}",
            "term: {months: 18}",
            Difference("lists", "blacklist", "term", "changed", "2 years", "18 months"),
        ),
        ("budget: 50000", "budget: 60000", Difference("rewards", "tip", "budget", "changed", "50000", "60000")),
        ("opens: tip, ", "", Difference("measures", "tip-off", "opens", "removed", "tip", None)),
        ("    notice: {days: 5}\n", "", Difference("lists", "blacklist", "notice", "removed", "5 days", None)),
        (
            "appeal: {to: water, within: {working_days: 3}",
            "appeal: {to: water, within: {working_days: 5}",
            Difference("lists", "blacklist", "appeal.within", "changed", "3 working days", "5 working days"),
        ),
        (
            "      - {id: breach, title: {en: broke its word}, clause: \"art. 15\"}\n",
            (
                "      - {id: breach, title: {en: broke its word}, clause: \"art. 15\"}\n"
                "      - {id: lie, title: {en: lied}, basis: practice}\n"
            ),
            Difference("lists", "record", "grounds.lie", "added", None, "title: lied"),
        ),
    ],
)  # fmt: skip
def test_a_change_of_a_list_or_a_reward_is_told_like_any_other(passage: str, by: str, change: Difference) -> None:
    assert differences(small(), small((passage, by))) == [change]


def test_a_pack_does_not_differ_from_itself() -> None:
    assert differences(example(), example()) == []


@pytest.mark.parametrize(
    ("passage", "by", "change"),
    [
        (
            "    within: {working_days: 1}\n    ladder: standard\n    clause: 第十一条",
            "    within: {hours: 4}\n    ladder: standard\n    clause: 第十一条",
            Difference("obligations", "acknowledge", "within", "changed", "1 working day", "4 hours"),
        ),
        (
            "after: {working_days: 3}, to",
            "after: {working_days: 5}, to",
            Difference("ladders", "standard", "levels.interview.after", "changed", "3 working days", "5 working days"),
        ),
        (
            '  - {id: patrol, title: {en: River patrol, zh: 河长巡查}, clause: 第五条}\n',
            "",
            Difference("channels", "patrol", "", "removed", "clause: 第五条; title: River patrol", None),
        ),
        (
            "co: [ecology], clause",
            "co: [ecology, xiayou], clause",
            Difference("responsibility_list", "river", "co", "added", None, "xiayou"),
        ),
        (
            "{categories: [smoke], lead",
            "{categories: [smoke, other], lead",
            Difference("responsibility_list", "smoke", "categories", "added", None, "other"),
        ),
        ("version: 1\njur", "version: 2\njur", Difference("version", "", "", "changed", "1", "2")),
        (
            "near: {metres: 200, hours: 72}",
            "near: {metres: 250, hours: 72}",
            Difference("near", "", "metres", "changed", "200", "250"),
        ),
        ("zh: 提醒}", "zh: 提示}", Difference("measures", "reminder", "title", "changed", *WORDS)),
        (
            "basis: practice\nnumber",
            "clause: 第二条\nnumber",
            Difference("time", "", "basis", "removed", "practice", None),
        ),
    ],
)  # fmt: skip
def test_a_change_is_told_by_entry_and_field(passage: str, by: str, change: Difference) -> None:
    assert change in differences(example(), example((passage, by)))


def test_a_line_that_now_stands_elsewhere_has_moved() -> None:
    pack = example()
    first, *rest = pack.responsibility_list
    turned = pack.model_copy(update={"responsibility_list": (*rest, first)})
    assert differences(pack, turned) == [
        Difference("responsibility_list", "river", "", "moved", "line 1", "line 3"),
    ]


def test_the_order_of_entries_that_are_known_by_their_id_says_nothing() -> None:
    pack = example()
    assert differences(pack, pack.model_copy(update={"units": pack.units[::-1]})) == []


def test_differences_stand_in_the_order_of_the_sections() -> None:
    found = differences(
        example(), example(("zh: 提醒}", "zh: 提示}"), ("metres: 200", "metres: 100"), ("[river]", "[river, other]"))
    )
    assert [one.section for one in found] == ["near", "responsibility_list", "measures"]


def test_the_snippets_of_the_guide_are_the_example_in_its_order() -> None:
    example_text = EXAMPLE.read_text("utf-8")
    snippets = re.findall(r"```yaml\n(.*?)```", _guide()[0], re.DOTALL)
    places = [example_text.find(snippet) for snippet in snippets]
    assert -1 not in places
    assert places == sorted(places)


def test_the_guide_shows_every_section_of_the_example() -> None:
    snippets = "".join(re.findall(r"```yaml\n(.*?)```", _guide()[0], re.DOTALL))
    shown = set(re.findall(r"^([a-z_]+):", snippets, re.MULTILINE))
    assert shown == set(yaml.safe_load(EXAMPLE.read_text("utf-8")))


def _guide() -> tuple[str, str]:
    """The chapters of the guide that build the example, and the ninth, which adds to it."""
    before, ninth, _ = re.split(r"(?m)^## (?:9|10) ", GUIDE.read_text("utf-8"))
    return before, ninth


def test_what_else_a_pack_may_say_is_whole_with_the_example() -> None:
    """Each snippet of the ninth chapter is added to the example, entry by entry, and breaks no law."""
    pack = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    for snippet in re.findall(r"```yaml\n(.*?)```", _guide()[1], re.DOTALL):
        for section, said in plain_data(snippet).items():
            pack[section] = [*pack.get(section, []), *said] if isinstance(said, list) else said
        assert not list(breaches(PolicyPack.model_validate(pack))), snippet
    optional = {name for name, field in PolicyPack.model_fields.items() if not field.is_required()}
    assert optional - set(pack) <= {
        "always_responsible",
        "effective_from",
        "parts",
        "plan_changes",
        "public_texts",
    }


def test_every_link_of_the_guide_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", GUIDE.read_text("utf-8")):
        assert (GUIDE.parent / target).exists(), target


@pytest.mark.parametrize(
    ("language", "says"),
    [
        (Language.EN, "made public; about a problem, once The office has looked at its text"),
        (Language.ZH, "向社会公开；涉及问题的，文本经The office审核后公开"),
    ],
)
def test_a_public_measure_says_who_looks_at_its_text_first(language: Language, says: str) -> None:
    pack = small(
        ("plan_changes: by_approval", "plan_changes: by_approval\npublic_texts: by_clerk"),
        ("id: interview, kind", "id: interview, public: true, kind"),
    )
    assert says in explained(pack, language)
    assert says not in explained(small(("id: interview, kind", "id: interview, public: true, kind")), language)


def test_until_when_a_problem_is_handed_back_and_how_more_time_is_got_are_told() -> None:
    words = "ahead: {working_days: 1}, before_lapse: true, flags: [hard], decided_by: ['@sponsor'], while_asked: waits"
    changed = small(
        ("at_most: 2, basis: practice}\nparts", "at_most: 2, within: {working_days: 3}, basis: practice}\nparts"),
        ("working_days: 5}, at_most: 1, basis", f"working_days: 5}}, at_most: 1, {words}, basis"),
    )
    english, chinese = explained(changed), explained(changed, Language.ZH)
    assert (
        "at most 2 times for one problem, until 3 working days after the dispatch and not later. [practice]" in english
    )
    assert "同一问题最多退2次；自交办起3个工作日内提出，逾期不予退单。〔惯例〕" in chinese
    for line in ("before lapse: yes", "ahead: 1 working day", "flags: Hard problem", "while asked: waits"):
        assert f"- {line}" in english
    for line in ("须在期限届满前申请：是", "申请须提前：1个工作日", "由其决定：", "申请待决期间：升级阶梯暂停"):
        assert f"- {line}" in chinese
    told = [f"{change.field}: {change.old} → {change.new}" for change in differences(small(), changed)]
    assert "while_asked: goes on → waits" in told
    assert any(line.startswith("within: ") for line in told)


def test_whom_a_measure_names_owes_the_duty_that_it_opens() -> None:
    told = chapter(
        "## The measures and their words", small(("opens: explanation", "opens: explanation, owed_by: [water]"))
    )
    assert "- **Called to explain**: Water bureau owes: Explain oneself [practice]" in told


def test_a_clock_of_one_mark_or_one_body_is_told_by_its_name() -> None:
    told = explained(small(("since: [flagged, progressed]", 'since: ["flagged:listed"]')))
    assert "within 7 days of a mark being set (Under listed supervision)" in told
    told = explained(small(("since: [referred]", 'since: ["referred:police"]')))
    assert "(Police)" in told


#: Fields whose values are told by words of their own, or hold nothing but other fields.
TOLD_ELSEWHERE: Final = frozenset(
    {"counting", "of", "weekdays", "intervals", "start", "end", "until", "en", "zh", "parts"}
)


def test_chinese_has_a_word_for_every_field_of_a_pack() -> None:
    words = Words(Language.ZH)
    nameless = {name for model, name in fields(PolicyPack, set()) if field_name(name, words).isascii()}
    assert nameless - TOLD_ELSEWHERE - {*Within.model_fields} == set()


def test_chinese_has_a_word_for_every_closed_set_of_a_pack() -> None:
    words = Words(Language.ZH)
    known = {*STATUSES, *ROLES, *WEEKDAYS}
    speechless = {
        f"{model.__name__}.{name}: {choice}"
        for model in all_models(PolicyPack, set())
        for name, field in model.model_fields.items()
        for choice in choices(field.annotation)
        if name not in TOLD_ELSEWHERE and str(choice) not in known and value_in_words(choice, words).isascii()
    }
    assert speechless == set()


def choices(annotation: Any) -> Iterator[Any]:
    """The words of the closed sets in ``annotation``."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        yield from annotation
    elif get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for argument in get_args(annotation):
            yield from choices(argument)


def all_models(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    if model not in seen:
        seen.add(model)
        yield model
        for field in model.model_fields.values():
            for inner in models(field.annotation):
                yield from all_models(inner, seen)


def test_a_day_and_a_time_are_no_unit() -> None:
    told = explained(small(), Language.ZH)
    assert "每次延长：5个工作日" in told


def test_the_city_s_own_words_name_no_unit() -> None:
    """A role may be called as a unit is; it stays the role."""
    assert "roles: water and county" in explained(small(("roles: [county]", "roles: [water, county]")))


def test_a_column_is_told_by_its_heading_or_its_name() -> None:
    title = Text(en="late by", zh="逾期天数")
    told = [Heading(column=Column.NUMBER), Heading(column=Column.DAYS_LATE, title=title)]
    assert [value_in_words(one, Words(Language.ZH)) for one in told] == ["编号", "逾期天数"]
    assert [value_in_words(one, Words(Language.EN)) for one in told] == ["number", "late by"]


@pytest.mark.parametrize(
    ("language", "says"),
    [
        (
            Language.EN,
            (
                "is sealed, under a key of its own: title and text",
                "category in place of the title",
                "is kept for 3 years after",
            ),
        ),
        (
            Language.ZH,
            (
                "各以一把密钥密封：标题、正文",
                "以问题类别代替标题",
                "举报人联系方式自问题办结（销号或不予受理）起保存3年",
            ),
        ),
    ],
)
def test_what_is_sealed_and_how_long_it_is_kept_is_told(language: Language, says: tuple[str, ...]) -> None:
    sealed = "privacy: {seal: [title, text], keep: {contact: {years: 3}}, basis: practice}"
    pack = small(("id: small\n", f"id: small\n{sealed}\n"))
    told = explained(pack, language)
    for words in says:
        assert words in told
    later = small(("id: small\n", f"id: small\n{sealed.replace('years: 3', 'years: 5')}\n"))
    changes = [f"{change.field}: {change.old} → {change.new}" for change in differences(pack, later)]
    assert any("3 years" in change and "5 years" in change for change in changes), changes
