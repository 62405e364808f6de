"""A sheet as a workbook (Office Open XML): numbers as numbers, a heading that stays, filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Final

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from duban_console.assessment.rows.units import Value
from duban_console.assessment.sheet import Sheet
from duban_console.assessment.words import breadth

#: How many letters wide a column is: no less, no more; a longer text is broken.
_NARROWEST, _WIDEST = 6, 42
#: What the format allows as the name of a worksheet, and in one cell.
_NAME_LENGTH, _NOT_IN_NAMES = 31, str.maketrans(dict.fromkeys("[]:*?/\\", " "))
_CELL_LENGTH: Final = 32_767
_HEADING: Final = 3


def to_xlsx(sheet: Sheet) -> bytes:
    """The title, the headings, and a row a row; a text stays one where a spreadsheet would take it for a formula."""
    return book_of(
        sheet.title, f"{sheet.pack}, {sheet.stretch.first} – {sheet.stretch.last}", sheet.columns, sheet.rows
    )


def book_of(title: str, below: str, columns: Sequence[tuple[str, str]], rows: Sequence[Mapping[str, Value]]) -> bytes:
    """A workbook of one table, with a line ``below`` its title; ``columns`` are key and heading."""
    book = Workbook()
    page: Worksheet = book.worksheets[0]
    page.title = title.translate(_NOT_IN_NAMES)[:_NAME_LENGTH]
    _write(page, 1, 1, title).font = Font(bold=True, size=14)
    _write(page, 2, 1, below).font = Font(color="666666")
    for column, (key, heading) in enumerate(columns, start=1):
        head = _write(page, _HEADING, column, heading)
        head.font, head.alignment = Font(bold=True), Alignment(wrap_text=True, vertical="center")
        values = [row[key] for row in rows]
        for at, value in enumerate(values, start=_HEADING + 1):
            _write(page, at, column, value).alignment = Alignment(wrap_text=True, vertical="top")
        width = max(_width(value) for value in (heading, *values))
        page.column_dimensions[get_column_letter(column)].width = min(max(width + 2, _NARROWEST), _WIDEST)
    page.freeze_panes = f"A{_HEADING + 1}"
    page.auto_filter.ref = f"A{_HEADING}:{get_column_letter(len(columns))}{_HEADING + len(rows)}"
    page.print_title_rows = f"1:{_HEADING}"
    page.page_setup.orientation, page.page_setup.fitToHeight = "landscape", 0
    page.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    content = BytesIO()
    book.save(content)
    return content.getvalue()


def _write(page: Worksheet, row: int, column: int, value: Value) -> Cell:
    cell = page.cell(row, column)
    assert isinstance(cell, Cell)  # none is merged
    if isinstance(value, str):
        cell.value = ILLEGAL_CHARACTERS_RE.sub("", value)[:_CELL_LENGTH]
        cell.data_type = "s"
    else:
        cell.value = value
    return cell


def _width(value: Value) -> int:
    """How many letters wide the longest line is."""
    return max(map(breadth, ("" if value is None else str(value)).splitlines()), default=0)
