"""Files with a table in them, open: how far they have been read, and what is wrong with one told with its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from duban_intake.channels.columns import Mapping
from duban_intake.channels.table import Table, TableError, csv_table
from duban_intake.channels.table_file import lines_of, table_of


class TableFile:
    """An open file: its table, and how far it has been read."""

    def __init__(self, file: Path, raw: IO[bytes]) -> None:
        self._file, self._raw = file, raw
        self.size = file.stat().st_size

    @property
    def done(self) -> int:
        """How many of its bytes have been read."""
        return self._raw.tell()

    def table(self, mapping: Mapping) -> Table:
        """Its table, read as ``mapping`` says.

        Raises:
            TableError: it is no such table.
        """
        return table_of(self._raw, mapping)

    def plain_table(self) -> Table:
        """Its table, read as CSV in UTF-8 with the header on its first line.

        Raises:
            TableError: it is no such table.
        """
        return csv_table(lines_of(self._raw, "utf-8"))


@contextmanager
def opened(file: Path) -> Iterator[TableFile]:
    """``file``, open; what is wrong with the table in it is told with its name."""
    with file.open("rb") as raw:
        try:
            yield TableFile(file, raw)
        except TableError as error:
            raise TableError(f"{file}: {error}") from None
