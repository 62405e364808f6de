"""Any table as a workbook or as CSV: the same heads and cells as those of bulletins."""

from __future__ import annotations

import csv
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from io import StringIO

from duban_console.assessment.papers.workbook import book_of
from duban_console.assessment.rows.units import Value
from duban_console.assessment.sheet_formats import csv_cell


def table_xlsx(title: str, columns: Sequence[tuple[str, str]], rows: Sequence[Mapping[str, Value]]) -> bytes:
    """The table with ``title``; ``columns`` are key and heading."""
    return book_of(title, "", columns, rows)


def table_csv(title: str, columns: Sequence[tuple[str, str]], rows: Sequence[Mapping[str, Value]]) -> bytes:
    """The same as CSV, which has no title; with a mark by which Excel sees that it is UTF-8."""
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(csv_cell(heading) for _, heading in columns)
    writer.writerows([csv_cell(row[key]) for key, _ in columns] for row in rows)
    return BOM_UTF8 + text.getvalue().encode()
