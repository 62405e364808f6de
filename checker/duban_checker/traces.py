"""Traces as files: rows by problem, in bounded memory however long the files are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeAlias
from zlib import crc32

import orjson

#: One line of a file.
Row: TypeAlias = dict[str, Any]

#: The files whose rows are about one problem each.
OF_PROBLEMS: Final = (
    "calls", "receipts", "refusals", "events", "records", "outcomes", "commands", "told", "notices", "letters",
    "anchors", "posts",
)  # fmt: skip
#: Bytes of traces that are held in memory at once.
_SHARE: Final = 48 * 1024 * 1024


class TracesError(Exception):
    """The traces cannot be read: which file, which line, why."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold: which, what happened, to which problem, and the particulars."""

    invariant: str
    what: str
    problem: str
    detail: str = ""


@dataclass(slots=True)
class Case:
    """Everything that the traces say about one problem, each file in its own order."""

    problem: str
    calls: list[Row] = field(default_factory=list)
    receipts: list[Row] = field(default_factory=list)
    refusals: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    records: list[Row] = field(default_factory=list)
    outcomes: list[Row] = field(default_factory=list)
    commands: list[Row] = field(default_factory=list)
    told: list[Row] = field(default_factory=list)
    notices: list[Row] = field(default_factory=list)
    letters: list[Row] = field(default_factory=list)
    anchors: list[Row] = field(default_factory=list)
    posts: list[Row] = field(default_factory=list)
    _bodies: list[Row] | None = None

    @property
    def bodies(self) -> list[Row]:
        """The JSON of each event, in the order of versions."""
        if self._bodies is None:
            self._bodies = [orjson.loads(event["body"]) for event in self.events]
        return self._bodies

    def put_in_order(self) -> None:
        """Order the rows as the ledger and the logs do."""
        self.events.sort(key=lambda row: row["version"])
        for log in (self.commands, self.told, self.notices):
            log.sort(key=lambda row: (row["partition"], row["offset"]))

    def appended(self) -> dict[str, Row]:
        """The first record of each command, by its id."""
        first: dict[str, Row] = {}
        for row in self.commands:
            first.setdefault(row["id"], row)
        return first


class Traces:
    """A folder of traces."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise TracesError(f"{folder} is no folder")
        self.folder = folder
        self.run = self._run()
        self.files = frozenset(path.stem for path in folder.glob("*.jsonl"))
        if "events" not in self.files:
            raise TracesError(f"{folder} holds no events.jsonl: nothing can be judged without the ledger")

    def _run(self) -> Row:
        place = self.folder / "run.json"
        if not place.exists():
            raise TracesError(f"{place} is missing: it says when the traces were read")
        try:
            run: Row = orjson.loads(place.read_bytes())
            instant(run["read_at"])
        except (orjson.JSONDecodeError, KeyError, ValueError, TypeError) as error:
            raise TracesError(f"{place}: {error}; it must be an object with read_at, an instant") from None
        return run

    def rows(self, name: str) -> Iterator[Row]:
        """The rows of one file; none where it is missing."""
        place = self.folder / f"{name}.jsonl"
        if place.exists():
            yield from _rows(place)

    def cases(self, share: int = _SHARE) -> Iterator[Case]:
        """Every problem with all that is said about it, in no particular order; ``share`` bytes are held at once."""
        places = [self.folder / f"{name}.jsonl" for name in OF_PROBLEMS]
        there = [place for place in places if place.exists()]
        shares = 1 + sum(place.stat().st_size for place in there) // share
        if shares == 1:
            yield from _cases(there)
            return
        with TemporaryDirectory(dir=self.folder, prefix="shares-") as folder:
            for number in range(shares):
                (Path(folder) / str(number)).mkdir()
            for place in there:
                _split(place, Path(folder), shares)
            for number in range(shares):
                yield from _cases([Path(folder) / str(number) / place.name for place in there])


def instant(text: str) -> datetime:
    """The instant that ``text`` names."""
    return datetime.fromisoformat(text)


def _rows(place: Path) -> Iterator[Row]:
    with place.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise TracesError(f"{place}, line {number}: no JSON ({error})") from None


def _split(place: Path, folder: Path, shares: int) -> None:
    with ExitStack() as stack:
        parts = [stack.enter_context((folder / str(number) / place.name).open("wb")) for number in range(shares)]
        for row in _rows(place):
            parts[crc32(_problem(row, place).encode()) % shares].write(orjson.dumps(row) + b"\n")


def _cases(places: list[Path]) -> Iterator[Case]:
    cases: dict[str, Case] = {}
    for place in places:
        for row in _rows(place):
            problem = _problem(row, place)
            case = cases.get(problem)
            if case is None:
                case = cases[problem] = Case(problem)
            getattr(case, place.stem).append(row)
    for case in cases.values():
        case.put_in_order()
        yield case


def _problem(row: Row, place: Path) -> str:
    problem = row.get("problem")
    if not isinstance(problem, str):
        raise TracesError(f"{place}: a row names no problem: {str(row)[:200]}")
    return problem
