"""A pack told in sentences loses nothing, in either language; two packs set beside each other show what changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from pydantic import Field, create_model

from duban.messages.events import KINDS
from duban.moves import Status
from duban.policy import PolicyPack, load_pack
from duban.policy.entry import Founded, Text
from duban.policy.ladder import RELATIVE
from duban.policy.laws import breaches
from duban.policy.organisation import TERRITORIAL
from duban_console.explaining import Difference, Language, differences, explained
from duban_console.explaining.words import EVENTS, ROLES, STATUSES

ROOT: Final = Path(__file__).parents[2]
EXAMPLE: Final = ROOT / "docs/example-pack.yaml"
GUIDE: Final = ROOT / "docs/writing-a-pack.md"
#: The words of a measure before and after, as they are told where only the Chinese differs.
WORDS: Final = ("Reminder / 提醒", "Reminder / 提示")
PACKS: Final = [EXAMPLE, *sorted((ROOT / "deploy/packs").glob("*.yaml"))]


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
    later = create_model("Later", __base__=PolicyPack, soup_kitchens=(tuple[kitchen, ...], Field(default=())))  # type: ignore[valid-type]
    entry = kitchen(title=Text(en="By the bridge"), cooks=3, dishes=("soup", "bread"), clause="art. 9")
    pack = later.model_validate({**dict(example()), "soup_kitchens": (entry,)})
    told = explained(pack)
    assert "## Soup kitchens\n\n- **By the bridge**: cooks: 3; dishes: soup and bread [art. 9]\n" in told
    assert "soup kitchens" not in explained(example()).lower()


def test_every_event_status_and_role_has_its_words() -> None:
    assert set(KINDS) - set(EVENTS) == set()
    assert {status.value for status in Status} - set(STATUSES) == set()
    assert {*RELATIVE, TERRITORIAL} - set(ROLES) == set()


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
            Difference("ladders", "standard", "rungs.interview.after", "changed", "3 working days", "5 working days"),
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
    snippets = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    places = [example_text.find(snippet) for snippet in snippets]
    assert -1 not in places
    assert places == sorted(places)


def test_the_guide_shows_every_section_of_the_example() -> None:
    snippets = "".join(re.findall(r"```yaml\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL))
    shown = set(re.findall(r"^([a-z_]+):", snippets, re.MULTILINE))
    assert shown == set(yaml.safe_load(EXAMPLE.read_text("utf-8")))


def test_every_link_of_the_guide_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", GUIDE.read_text("utf-8")):
        assert (GUIDE.parent / target).exists(), target
