"""Texts of others: names that are the same to a reader, what shows nothing, what a terminal would obey."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from duban.messages.struct import replace
from duban.texts import folded, is_blank, printable, printable_json
from duban_cli.commands.draw import show
from duban_cli.output import err, out, write_json
from duban_console.inspection_draw import Draw, Lot, Spared
from duban_escalation.notices.journal import Journal
from tests.given import notice

Capture: TypeAlias = pytest.CaptureFixture[str]

NAME = "临江测试水泥"
UNSEEN = [
    "\u200b", "\ufeff", "\u00ad", "\ufe0f", "\u2060", "\u202e", "\u2066", "\u180e", "\u3164", "\U000e0100",
    "\U000e0041",
]  # fmt: skip
TEXTS = st.text(max_size=40)
LETTERS = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=20)


@pytest.mark.parametrize("unseen", UNSEEN)
@pytest.mark.parametrize("at", range(len(NAME) + 1))
def test_a_name_is_the_same_wherever_something_unseen_stands_in_it(unseen: str, at: int) -> None:
    assert folded(NAME[:at] + unseen + NAME[at:]) == folded(NAME)


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("ＡＣＭＥ　Ｌｔｄ", "acme ltd"), ("Acme \t Ltd", "ACME LTD"), ("Straße", "STRASSE"), ("张　三", "张三"),
        ("临江 水泥（集团）有限公司", "临江水泥(集团)有限公司"), ("①号厂", "1号厂"), ("cafe\u0301", "CAFÉ"),
    ],
)  # fmt: skip
def test_names_that_a_reader_takes_for_the_same_are_equal(written: str, same: str) -> None:
    assert folded(written) == folded(same)


@pytest.mark.parametrize(
    ("one", "other"), [("Acme Ltd", "AcmeLtd"), ("北京一厂", "北京二厂"), ("O", "0"), ("A-1", "A1")]
)
def test_names_that_differ_to_a_reader_differ(one: str, other: str) -> None:
    assert folded(one) != folded(other)


@given(TEXTS)
def test_a_folded_name_is_folded_already(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(TEXTS, st.sampled_from(UNSEEN), st.integers(0, 40))
def test_what_nobody_sees_changes_no_name(text: str, unseen: str, at: int) -> None:
    assert folded(text[:at] + unseen + text[at:]) == folded(text)


@given(LETTERS)
def test_forms_case_and_blanks_around_change_no_name(text: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert folded(unicodedata.normalize(form, text)) == folded(text)
    assert folded(text.casefold()) == folded(text)
    assert folded(f"\u3000 {text}\t") == folded(text)


@given(TEXTS)
def test_a_name_is_blank_where_nothing_is_left_of_it(text: str) -> None:
    if is_blank(text):
        assert folded(text) == ""


@pytest.mark.parametrize("text", ["", " ", "\u3000\t\n", *UNSEEN, "\u200b \ufeff", "\u2800", "\x00\x1b", "\x85\u2028"])
def test_blank_is_what_shows_nothing(text: str) -> None:
    assert is_blank(text)
    assert not is_blank(f"{text}.{text}")


def test_what_a_terminal_would_obey_is_shown_escaped() -> None:
    assert printable("a\x1b[2Jb\x07") == r"a\x1b[2Jb\x07"
    assert printable("\u202egnp.exe\u202c\u2066\u200e\u200f\x9b") == r"\u202egnp.exe\u202c\u2066\u200e\u200f\x9b"
    assert printable("一\n二\t", but="\n\t") == "一\n二\t"
    assert printable("问题 ✓ “ok”") == "问题 ✓ “ok”"


@given(TEXTS)
def test_escaped_json_says_the_same_and_obeys_nobody(text: str) -> None:
    line = printable_json(json.dumps({"text": text}, ensure_ascii=False))
    assert json.loads(line) == {"text": text}
    assert printable(line) == line


OBEYED = "a\x1b[2J\u202egnp\x9b\u2066b"


@pytest.mark.parametrize("made", [out, err])
def test_a_terminal_obeys_nothing_that_others_have_written(made: Callable[[], Console], capsys: Capture) -> None:
    table = Table("title", title=OBEYED)
    table.add_row(OBEYED)
    table.add_row(Padding(OBEYED, 1))
    for shown in (OBEYED, escape(OBEYED), f"[bold]{escape(OBEYED)}[/]", table):
        made().print(shown)
    told = "".join(capsys.readouterr())
    assert told.count(printable(OBEYED)) == 6
    assert printable(told, but="\n") == told


def test_the_lots_of_a_draw_are_shown_with_what_a_terminal_would_obey_escaped(capsys: Capture) -> None:
    lot = Lot(id=UUID(int=1), number="1", version=1, title=OBEYED, enterprise=OBEYED, hash="0" * 64)
    result = Draw(
        draw="lot", pack="p@1", seed=OBEYED, at=datetime(2022, 4, 6, tzinfo=UTC), candidates=1, drawn=(lot,),
        spared=(Spared(id=UUID(int=2), number="2", enterprise=OBEYED, list="l", entry="e"),), checked=(),
    )  # fmt: skip
    show(result, {}, UTC, as_json=False)
    told = "".join(capsys.readouterr())
    assert told.count(printable(OBEYED)) == 4
    assert printable(told, but="\n") == told


def test_json_for_programs_says_the_same_and_a_terminal_obeys_nothing_of_it(capsys: Capture) -> None:
    write_json({"title": OBEYED})
    line = capsys.readouterr().out
    assert json.loads(line) == {"title": OBEYED}
    assert line[:-1].isprintable()


@pytest.mark.parametrize("form", ["json", "console"])
def test_the_log_shows_what_others_have_written_and_a_terminal_obeys_nothing_of_it(form: str) -> None:
    log = f"from duban.io.logs import configure; import structlog; configure('x', form={form!r}); "
    log += f"structlog.get_logger('y').info('notice.issued', text={OBEYED!r})"
    ran = subprocess.run([sys.executable, "-c", log], check=True, capture_output=True, encoding="utf-8", timeout=600)
    [line] = ran.stdout.splitlines()
    assert "gnp" in line
    assert line.isprintable()


async def test_a_notice_in_a_file_says_the_same_and_a_terminal_obeys_nothing_of_it(tmp_path: Path) -> None:
    issued = notice("one")
    await Journal(tmp_path / "notices").send(replace(issued, data=replace(issued.data, text=OBEYED)))
    [line] = (tmp_path / "notices").read_text("utf-8").splitlines()
    assert json.loads(line)["data"]["text"] == OBEYED
    assert line.isprintable()
