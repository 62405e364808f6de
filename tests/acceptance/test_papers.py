"""Sheets as papers: workbook and official document have the figures of the sheet, and look like what they are."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import openpyxl
import pypdfium2
import pypdfium2.raw as pdfium
import pytest
from typer.testing import CliRunner

from duban.errors import SettingsError
from duban.messages.struct import to_json
from duban.policy import Rules
from duban_cli import app
from duban_console.assessment.histories import histories
from duban_console.assessment.papers.official import Letterhead, fonts_in, to_pdf
from duban_console.assessment.papers.workbook import to_xlsx
from duban_console.assessment.periods import as_of
from duban_console.assessment.selection import chosen
from duban_console.assessment.sheet import Sheet, compiled
from duban_local import ROOT
from tests.acceptance.sheets import events_of
from tests.acceptance.test_mianzhu import strike_off, underway
from tests.acceptance.timeline import City
from tests.office_fonts import office_fonts

PACK = ROOT / "deploy/packs/mianzhu-2018.yaml"
#: Points of a millimetre.
MM = 72 / 25.4


@pytest.fixture(scope="module")
def city() -> City:
    """Mianzhu: one problem struck off, one on the way, one whose title a spreadsheet would reckon."""
    city = City.of("mianzhu-2018", at="2018-07-04 09:00")
    strike_off(city, underway(city, "6-3"))
    underway(city, "3-2")
    city.report("livestock", "=1+1 粪水直排", channel="complaint", at=(31.34, 104.2), area="xiaode")
    city.advance(to="2018-08-15 10:00")
    return city


def sheet(city: City, name: str, language: Literal["en", "zh"] = "zh") -> Sheet:
    pack, until_at = city.rules.pack, as_of("2018-08-12", city.rules.zone)
    found = histories(events_of(city), lambda _: city.rules, pack.jurisdiction, until_at)
    return compiled(chosen(pack, name), pack.assessment, found, city.rules, until_at, language=language)


@dataclass(frozen=True)
class Letter:
    """A character as it stands on a page: its box in points from the lower left, its size, its colour."""

    text: str
    left: float
    right: float
    bottom: float
    size: float
    colour: tuple[int, int, int]


def document(of: Sheet, rules: Rules, *words: Any) -> tuple[pypdfium2.PdfDocument, str]:
    """The document, and all its text without blanks."""
    opened = pypdfium2.PdfDocument(to_pdf(of, rules, *words))
    return opened, "".join("".join(page.get_textpage().get_text_bounded().split()) for page in opened)


def letters(page: pypdfium2.PdfPage) -> Iterator[Letter]:
    text = page.get_textpage()
    for at in range(text.count_chars()):
        left, bottom, right, _ = text.get_charbox(at)
        red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
        pdfium.FPDFText_GetFillColor(text, at, red, green, blue, alpha)
        said = chr(pdfium.FPDFText_GetUnicode(text, at))
        size = pdfium.FPDFText_GetFontSize(text, at)
        if said.strip():
            yield Letter(said, left, right, bottom, size, (red.value, green.value, blue.value))


def test_a_workbook_has_the_cells_of_the_sheet_numbers_as_numbers(city: City) -> None:
    of = sheet(city, "problems")
    page = openpyxl.load_workbook(BytesIO(to_xlsx(of))).active
    assert page is not None
    head, *rows = [list(row) for row in page.iter_rows(min_row=3, values_only=True)]
    assert head == [heading for _, heading in of.columns]
    assert rows == [[row[key] for key, _ in of.columns] for row in of.rows]
    weekly = openpyxl.load_workbook(BytesIO(to_xlsx(sheet(city, "weekly")))).active
    assert weekly is not None
    assert isinstance(weekly.cell(4, 2).value, int)


def test_a_title_that_looks_like_a_formula_is_a_text(city: City) -> None:
    page = openpyxl.load_workbook(BytesIO(to_xlsx(sheet(city, "problems")))).active
    assert page is not None
    cells = [cell for row in page.iter_rows() for cell in row if str(cell.value).startswith("=1+1")]
    assert cells
    assert {cell.data_type for cell in cells} == {"s"}


def test_a_document_says_what_the_sheet_says(city: City) -> None:
    of = sheet(city, "weekly")
    _, text = document(of, city.rules, "zh", Letterhead("绵督改办〔2018〕12号"))
    office, bulletin = city.rules.title_of(city.rules.pack.office), of.bulletin
    for said in (
        office,
        "绵督改办〔2018〕12号",
        of.title,
        "2018年8月12日",
        bulletin.clause,
        *city.rules.pack.document.split("，"),
    ):
        assert "".join(str(said).split()) in text, said
    for row in of.rows:
        assert "".join(str(row["unit"]).split()) in text


def test_the_page_is_that_of_the_standard(city: City) -> None:
    page = document(sheet(city, "weekly"), city.rules, "zh")[0][0]
    assert page.get_size() == pytest.approx((210 * MM, 297 * MM), abs=1)
    written = list(letters(page))
    body = [letter for letter in written if letter.size == pytest.approx(16, abs=0.1)]
    assert min(letter.left for letter in body) >= 28 * MM - 1
    assert max(letter.right for letter in body) <= (28 + 156) * MM + 1
    red = "".join(letter.text for letter in written if letter.colour[0] > 150 > letter.colour[1])
    assert red == city.rules.title_of(city.rules.pack.office)
    assert "".join(letter.text for letter in written if letter.size == pytest.approx(14, abs=0.1)).endswith("—1—")


def test_what_needs_approval_says_that_it_is_a_draft(city: City) -> None:
    assert "送审稿" in document(sheet(city, "scores"), city.rules, "zh")[1]
    assert "送审稿" not in document(sheet(city, "weekly"), city.rules, "zh")[1]


def test_a_document_in_english(city: City) -> None:
    _, text = document(sheet(city, "weekly", "en"), city.rules, "en")
    assert "12August2018" in text
    assert "Annex:" in text


def test_the_same_sheet_comes_to_the_same_bytes(city: City) -> None:
    of = sheet(city, "weekly")
    assert to_pdf(of, city.rules, "zh") == to_pdf(of, city.rules, "zh")


def test_the_offices_own_fonts_stand_first(city: City, tmp_path: Path) -> None:
    fonts, of = fonts_in(office_fonts(tmp_path / "fonts")), sheet(city, "weekly")
    own = to_pdf(of, city.rules, "zh", Letterhead(fonts=fonts))
    assert own != to_pdf(of, city.rules, "zh")
    assert own == to_pdf(of, city.rules, "zh", Letterhead(fonts=fonts))


def test_a_folder_without_a_font_is_refused_before_anything_is_set_in_it(tmp_path: Path) -> None:
    (tmp_path / "fangsong.otf").write_text("no font")
    with pytest.raises(SettingsError, match=f"DUBAN_FONTS: {tmp_path} holds no font"):
        fonts_in(tmp_path)
    with pytest.raises(SettingsError, match=r"DUBAN_FONTS: .*absent is no folder"):
        fonts_in(tmp_path / "absent")
    assert fonts_in(None) is None


def test_the_command_writes_both(city: City, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_bytes(b"\n".join(to_json(event) for event in events_of(city)))
    for form, begins in (("pdf", b"%PDF-1.7"), ("xlsx", b"PK")):
        asked = ["bulletin", str(PACK), "weekly", "--as-of", "2018-08-12", "--events", str(events), "--format", form]
        done = CliRunner().invoke(app, asked)
        assert done.exit_code == 0, done.stderr
        assert done.stdout_bytes.startswith(begins)
    of = sheet(city, "weekly")
    done = CliRunner().invoke(app, [*asked[:-1], "pdf", "--number", "绵督改办〔2018〕12号"])
    assert done.stdout_bytes == to_pdf(of, city.rules, "zh", Letterhead("绵督改办〔2018〕12号"))
