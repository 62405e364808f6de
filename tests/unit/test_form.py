"""A fault of form says where it stands as a person wrote it, and what is allowed there, whichever file it is in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Final

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from duban.errors import DubanError
from duban.messages.form import form_faults
from duban.policy import load_calendar
from duban.policy.model.entry import Id, Name
from duban_cli.demo.story import load_story
from duban_intake.channels.columns import load_mapping
from duban_local.children import StackError
from duban_local.topics import declared
from tests.given import ROOT

MAPPING: Final = (ROOT / "docs/example-mapping.yaml").read_text("utf-8")
STORY: Final = (ROOT / "deploy/demo/mianyang.yaml").read_text("utf-8")
CALENDAR: Final = (ROOT / "deploy/calendars/cn.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("load", "text", "error"),
    [
        (
            load_calendar,
            CALENDAR.replace("timezone:", "zone:"),
            "zone: is no field of a calendar; it has id, version, ",
        ),
        (load_calendar, CALENDAR.replace("timezone:", "zone:"), "; did you mean timezone?"),
        (load_mapping, MAPPING.replace("columns:", "colums:"), "colums: is no field of a mapping; it has "),
        (load_mapping, MAPPING.replace("columns:", "colums:"), "; did you mean columns?"),
        (load_story, STORY.replace("    expect:", "    expects:", 1), "expects: is no field of a report; it has at, "),
        (load_story, STORY.replace("    expect:", "    expects:", 1), "; did you mean expect?"),
        (load_story, STORY.replace("outcome: ", "outcom: ", 1), "outcom: is no field of "),
    ],
)
def test_a_field_that_is_not_known_is_told_with_those_that_are(
    load: Callable[[str, str], object], text: str, error: str
) -> None:
    with pytest.raises(DubanError) as refused:
        load(text, "given.yaml")
    assert error in str(refused.value)


def test_topics_are_told_so_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("declared") / "topics.yaml"
    path.write_text((ROOT / "deploy/topics.yaml").read_text("utf-8").replace("defaults:", "default:"), "utf-8")
    with pytest.raises(StackError, match=r"default: is no field of a declaration; .*did you mean defaults\?"):
        declared(path)


class Hand(BaseModel):
    model_config = ConfigDict(extra="forbid")

    fingers: int
    thumb: str | None = None


class Glove(BaseModel):
    left: Hand | None = None
    right: tuple[Hand, ...] | Hand = ()
    sizes: dict[str, Hand] = {}


UNKNOWN: Final = "is no field of a hand; it has fingers, thumb"
NO_HAND: Final = "is no hand, which is a mapping of fingers, thumb"
MISSING: Final = "left.fingers: is missing, and needed"


@pytest.mark.parametrize(
    ("data", "faults"),
    [
        ({"left": {"thumb": "up", "fingrs": 4}}, [f"left.fingrs: {UNKNOWN}; did you mean fingers?", MISSING]),
        ({"left": {"toes": 4}}, [f"left.toes: {UNKNOWN}; did you mean fingers?", MISSING]),
        ({"left": {"fingers": 4, "toes": 4}}, [f"left.toes: {UNKNOWN}"]),
        ({"left": 4}, [f"left: {NO_HAND}"]),
        ({"right": [{"fingers": "few"}]}, ["right.0.fingers: is no whole number", f"right: {NO_HAND}"]),
        ({"sizes": {"s": {"thumbs": 1, "fingers": 4}}}, [f"sizes.s.thumbs: {UNKNOWN}; did you mean thumb?"]),
    ],
)
def test_the_way_to_a_fault_is_as_it_was_written(data: dict[str, object], faults: list[str]) -> None:
    with pytest.raises(ValidationError) as refused:
        Glove.model_validate(data)
    assert [str(fault) for fault in form_faults(refused.value, Glove)] == faults


class Bounded(BaseModel):
    id: Id = "a"
    name: Name = "a"
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "CNY"
    few: Annotated[tuple[int, ...], Field(min_length=1, max_length=2)] = (1,)
    more: Annotated[int, Field(gt=0)] = 1
    share: Annotated[int, Field(ge=1, le=100)] = 1
    other: Annotated[str, Field(pattern="^[xyz]+$", max_length=3)] = "x"
    email: Annotated[str, Field(pattern=r"^[^\s@]+@[^\s@]+$")] = "a@b"


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({"id": "A b"}, "id: is no id: one has lower-case letters, digits and dashes, and begins with no dash"),
        ({"name": "@lead"}, "name: has a line break or another control character in it, or begins with a blank or @"),
        ({"name": ""}, "name: is empty"),
        ({"currency": "yuan"}, "currency: is no currency: one has three capitals, such as CNY"),
        ({"few": []}, "few: names too few: it needs at least 1"),
        ({"few": [1, 2, 3]}, "few: names too many: it takes at most 2"),
        ({"few": 1}, "few: is no list: write [one, another]"),
        ({"more": 0}, "more: should be more than 0"),
        ({"share": 0}, "share: should be at least 1"),
        ({"share": 101}, "share: should be at most 100"),
        ({"share": 1.5}, "share: is no whole number"),
        ({"other": "a"}, "other: has characters in it that cannot stand there"),
        ({"other": "xxxx"}, "other: should have at most 3 characters"),
        ({"email": "a"}, "email: is no e-mail address"),
    ],
)
def test_no_pattern_and_no_word_of_the_library_is_shown_to_a_person(data: dict[str, object], fault: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Bounded.model_validate(data)
    told = form_faults(refused.value, Bounded)
    assert [str(each) for each in told] == [fault]
    assert re.search("[一-鿿]", told[0].what.chinese)
    assert not re.search("(is|has|should|names) ", told[0].what.chinese)


def test_a_fault_of_a_form_is_said_in_chinese_with_what_is_allowed_there() -> None:
    with pytest.raises(ValidationError) as refused:
        Glove.model_validate({"left": {"fingrs": 4}, "right": [{"fingers": "few"}]})
    assert {fault.path: fault.what.chinese for fault in form_faults(refused.value, Glove)} == {
        "left.fingrs": "没有这个字段；可写的字段有 fingers、thumb；是否要写 fingers？",
        "left.fingers": "缺少此项，必须填写",
        "right.0.fingers": "不是整数",
        "right": "须为映射，其字段为 fingers、thumb",
    }


def test_nonsense_without_end_is_told_in_bounded_time() -> None:
    with pytest.raises(ValidationError) as refused:
        Hand.model_validate({f"finger-{number}": 1 for number in range(50_000)})
    assert len(form_faults(refused.value, Hand)) <= 20
