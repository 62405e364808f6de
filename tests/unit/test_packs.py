"""Every pack that ships is whole, and every way to break one is refused with file, place and law."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from importlib import import_module
from inspect import getsource
from itertools import product
from pathlib import Path
from pickle import dumps, loads
from pkgutil import iter_modules
from types import ModuleType
from typing import Final

import pytest
import yaml

from duban.calendar import notice, within
from duban.duties import openings
from duban.errors import PackError
from duban.policy import PolicyPack, Rules, load_calendar, load_pack, loader, model
from duban.policy.language import Language, refusal
from duban.policy.laws import LAWS, OF_NAMES, breaches, unusable
from duban.policy.model import assessment
from duban.sentence import Sentence, in_chinese, listed

ROOT: Final = Path(__file__).parents[2]
SMALL: Final = ROOT / "tests/data/packs/small.yaml"
BAD: Final = sorted((ROOT / "tests/data/packs/bad").glob("*.yaml"))
SHIPPED: Final = sorted((ROOT / "deploy/packs").glob("*.yaml"))
SOME_DAY: Final = datetime(2015, 6, 10, 14, tzinfo=UTC)
#: The modules whose validators say what form a pack has; the assessment has tests of its own.
FORMS: Final = [
    within,
    *(import_module(f"duban.policy.model.{one.name}") for one in iter_modules(model.__path__)
      if one.name != "assessment"),
]  # fmt: skip
#: Where the laws between entries stand; those of assessment and targets have tests of their own.
LAW_ROOMS: Final = [
    import_module(f"duban.policy.laws.{name}")
    for name in (
        "problems",
        "texts",
        "records",
        "enforcement_items",
        "replies",
        "ratings",
        "events",
        "justifications",
        "steps",
        "signs",
    )
]
#: What says a part of a sentence alone.
PARTS: Final = ("never_happens",)
LAWS_BY_NAME: Final = {law.__name__: law for law in LAWS}


@dataclass(frozen=True)
class Bad:
    """The small pack with one passage replaced: the law that this breaks, and the error that must say so."""

    breaks: str
    text: str
    error: str

    @classmethod
    def read(cls, path: Path) -> Bad:
        told = yaml.safe_load(path.read_text("utf-8"))
        small = SMALL.read_text("utf-8")
        assert small.count(told["replace"]) == 1, f"{path.name}: `replace` stands {small.count(told['replace'])} times"
        return cls(told["breaks"], small.replace(told["replace"], told["by"]), told["error"])


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_pack_is_refused_with_file_place_and_law(path: Path) -> None:
    bad = Bad.read(path)
    with pytest.raises(PackError) as refused:
        load_pack(bad.text, path.name)
    assert str(refused.value) == f"{path.name}: {bad.error}"
    assert refused.value.file == path.name


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_pack_is_refused_in_chinese_too(path: Path) -> None:
    with pytest.raises(PackError) as refused:
        load_pack(Bad.read(path).text, path.name)
    law, chinese = refused.value.law, in_chinese(refused.value.law)
    assert refusal(refused.value, Language.EN) == str(refused.value)
    assert refusal(refused.value, Language.ZH).endswith(f": {chinese}")
    assert re.search("[一-鿿]", chinese), f"{law} is not said in Chinese"
    quoted = {name for name in re.findall(r"`(\w+)`", law) if len(name) > 1}
    assert not {name for name in quoted if name not in chinese}, f"{chinese} leaves out what {law} names"


@pytest.mark.parametrize("path", [path for path in BAD if Bad.read(path).breaks in LAWS_BY_NAME], ids=lambda p: p.stem)
def test_the_law_that_a_bad_pack_names_is_the_only_one_it_breaks(path: Path) -> None:
    bad = Bad.read(path)
    formed = loader._load(PolicyPack, bad.text, path.name)  # the form alone: the laws are asked one by one
    found = list(LAWS_BY_NAME[bad.breaks](formed))
    assert f"{found[0][0]}: {found[0][1]}" == bad.error
    assert found == list(breaches(formed))


def test_every_law_has_a_bad_pack() -> None:
    broken = {Bad.read(path).breaks for path in BAD}
    by_form = {name for module in FORMS for name in _refusing(module)}
    assert (set(LAWS_BY_NAME) | by_form) - broken == set()


@pytest.mark.parametrize("module", [*LAW_ROOMS, *FORMS], ids=lambda module: module.__name__)
def test_every_sentence_of_a_law_has_a_bad_pack(module: ModuleType) -> None:
    errors = [Bad.read(path).error for path in BAD]
    for law, fixed in _sayings(module):
        assert any(all(part in error for part in fixed) for error in errors), f"{law}: no bad pack shows {fixed}"


@pytest.mark.parametrize("module", [*FORMS, notice, assessment], ids=lambda module: module.__name__)
def test_whatever_a_form_refuses_it_says_in_both_languages(module: ModuleType) -> None:
    for node in ast.walk(ast.parse(getsource(module))):
        match node:
            case ast.Raise(exc=ast.Call(func=ast.Name(id="ValueError"), args=[said])):
                assert _said(said) is not None, f"line {node.lineno} is English alone"


@pytest.mark.parametrize(
    ("text", "place", "law"),
    [
        ("id: a\nid: b\n", "第 2 行第 1 列", "不是有效的 YAML：键 id 出现了两次"),
        ("a: [" * 60, "第 1 行第 101 列", "不是有效的 YAML：嵌套超过 50 层"),
        ("a: \x07\n", "第 1 行", "不是有效的 YAML：不能使用字符 U+0007"),
        ("[a]", "", "须为映射，其字段为 id、"),
    ],
)
def test_what_cannot_be_read_is_said_in_chinese_with_its_place(text: str, place: str, law: str) -> None:
    with pytest.raises(PackError) as refused:
        load_pack(text, "a.yaml")
    assert in_chinese(refused.value.path) == place
    assert in_chinese(refused.value.law).startswith(law)


def test_a_sentence_is_its_english_and_a_copy_of_it_brings_the_chinese_along() -> None:
    sentence = Sentence("is empty", "是空的")
    for copied in (deepcopy(sentence), loads(dumps(sentence))):
        assert (copied, in_chinese(copied)) == ("is empty", "是空的")
    assert in_chinese(str(sentence)) == f"{sentence}" == "is empty"
    assert (listed(["a", "b"]), in_chinese(listed(["a", "b"]))) == ("a, b", "a、b")


def test_the_sentences_of_the_laws_are_found() -> None:
    assert sum(len(list(_sayings(module))) for module in LAW_ROOMS) >= 30
    assert sum(len(list(_sayings(module))) for module in FORMS) > 10


def test_the_small_pack_is_whole() -> None:
    assert load_pack(SMALL.read_text("utf-8"), SMALL.name).ref == "small@1"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_pack_is_whole_and_its_calendar_carries_it(path: Path) -> None:
    shipped = load_pack(path.read_text("utf-8"), path.name)
    assert shipped.id == path.stem
    calendar = ROOT / f"deploy/calendars/{shipped.time.calendar}.yaml"
    rules = Rules.compile(shipped, load_calendar(calendar.read_text("utf-8"), calendar.name))
    for ladder in shipped.ladders:
        for level in ladder.levels:
            for duration in filter(None, (level.before, level.after)):
                assert rules.calendar.add(SOME_DAY, duration) > SOME_DAY
    begin = datetime.combine(shipped.effective_from or SOME_DAY, time(), UTC)
    assert all(one.lapse_at > one.opens_at for one in openings(rules, begin, begin + timedelta(days=400)))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_pack_leaves_nothing_unused(path: Path) -> None:
    shipped = load_pack(path.read_text("utf-8"), path.name)
    climbed = {one.ladder for section in (shipped.obligations, shipped.duties, shipped.rewards) for one in section}
    climbed |= {one.appeal.ladder for one in shipped.lists if one.appeal}
    climbed |= {one.passed_on.ladder for one in shipped.lists if one.passed_on}
    assert {ladder.id for ladder in shipped.ladders} == climbed
    taken = {level.measure for ladder in shipped.ladders for level in ladder.levels}
    assert {measure.id for measure in shipped.measures} == taken | {trigger.measure for trigger in shipped.triggers}
    assert {window.id for window in shipped.windows} == {one.schedule.during for one in shipped.duties} - {None}
    assert {reward.id for reward in shipped.rewards} <= {measure.opens for measure in shipped.measures}


def test_every_problem_of_mianyang_has_one_receipt_one_progress_call_and_one_limit() -> None:
    path = ROOT / "deploy/packs/mianyang-2022.yaml"
    shipped = load_pack(path.read_text("utf-8"), path.name)
    for category, channel in product(shipped.categories, shipped.channels):
        for kind in ("acknowledge", "progress-call", "rectify"):
            held = [
                one.id
                for one in shipped.obligations
                if one.id.startswith(kind)
                and category.id in (one.categories or (category.id,))
                and channel.id in (one.channels or (channel.id,))
            ]
            assert len(held) == 1, (category.id, channel.id, held)


def test_mianyang_marks_every_duration_as_practice() -> None:
    path = ROOT / "deploy/packs/mianyang-2022.yaml"
    shipped = load_pack(path.read_text("utf-8"), path.name)
    assert {one.basis for one in (*shipped.obligations, *shipped.ladders, shipped.time)} == {"practice"}


def _refusing(module: ModuleType) -> Iterator[str]:
    """The validators of a module that raise an error of their own."""
    for node in ast.walk(ast.parse(getsource(module))):
        if isinstance(node, ast.FunctionDef) and any(isinstance(part, ast.Raise) for part in ast.walk(node)):
            yield node.name.strip("_")


def _sayings(module: ModuleType) -> Iterator[tuple[str, list[str]]]:
    """The fixed parts of every sentence that a module can say against a pack, with the name of the law."""
    for function in ast.walk(ast.parse(getsource(module))):
        if isinstance(function, ast.FunctionDef) and function.name not in PARTS:
            for said in filter(None, map(_said, ast.walk(function))):
                parts = said.values if isinstance(said, ast.JoinedStr) else [said]
                fixed = [str(part.value) for part in parts if isinstance(part, ast.Constant)]
                if fixed:
                    yield function.name.strip("_"), fixed


def _said(node: ast.AST) -> ast.expr | None:
    """The English in ``Sentence(english, chinese)``, as laws and forms say what is wrong."""
    match node:
        case ast.Call(func=ast.Name(id="Sentence"), args=[english, _]):
            return english
    return None


def test_what_a_reader_asks_of_a_pack_is_that_its_names_mean_something() -> None:
    pack = load_pack(SMALL.read_text("utf-8"), SMALL.name)
    assert unusable(pack) is None
    broken = pack.obligations[0].model_copy(update={"ladder": "no-such-ladder"})
    breach = unusable(pack.model_copy(update={"obligations": (broken, *pack.obligations[1:])}))
    assert breach == ("obligations.0.ladder", "no-such-ladder is not among the ladders")


def test_what_a_reader_asks_are_laws_like_the_others() -> None:
    assert set(OF_NAMES) < set(LAWS)
