"""What is given to a command beside its arguments: files as sealed evidence, and codes that nobody else may read."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from hashlib import file_digest
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from duban.errors import Fault
from duban.messages.handle import handle_of
from duban.messages.struct import plain
from duban_cli.connection import evidence_settings
from duban_console.action import InvalidAction

if TYPE_CHECKING:
    from duban.io.evidence.desk import EvidenceDesk, TakenFile

EvidenceFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--evidence",
        help="A file, put into the evidence store by its SHA-256; repeatable.",
        exists=True,
        dir_okay=False,
    ),
]


def sealed(files: Iterable[Path]) -> list[dict[str, Any]]:
    """Each file as evidence: in the store where one is known, else where it lies, with the SHA-256 of its bytes.

    Raises:
        InvalidAction: the store takes it not.
    """
    from duban.io.evidence.reception import desk_of

    desk = desk_of(evidence_settings())
    return [_where_it_lies(file) if desk is None else plain(taken(desk, file).evidence) for file in files]


def taken(desk: EvidenceDesk, file: Path) -> TakenFile:
    """``file`` in the store, from a copy of our own, so that nobody writes to it while it is looked at.

    Raises:
        InvalidAction: it is not taken.
    """
    with TemporaryDirectory(prefix="duban-evidence-") as folder:
        copy = Path(folder) / "evidence"
        copyfile(file, copy)
        try:
            return desk.take(copy, file.name)
        except Fault as fault:
            raise InvalidAction(fault.code, str(file), str(fault)) from None


def _where_it_lies(file: Path) -> dict[str, Any]:
    with file.open("rb") as raw:
        seal = file_digest(raw, "sha256").hexdigest()
    return {"uri": file.resolve().as_uri(), "sha256": seal, "title": file.name}


def read_code(file: str) -> str:
    """The code of a report: from ``file``, or for ``-`` from stdin, which asks without showing it at a terminal.

    Raises:
        InvalidAction: it is no code; the code itself is not repeated.
    """
    if file != "-":
        try:
            code = Path(file).read_text("utf-8")
        except OSError as error:
            raise InvalidAction("invalid", "--code-file", f"{file} cannot be read: {error.strerror}") from None
    elif sys.stdin.isatty():
        code = typer.prompt("Code of the report", hide_input=True, err=True)
    else:
        code = sys.stdin.readline()
    try:
        handle_of(code)
    except ValueError as error:
        raise InvalidAction("invalid", "code", str(error)) from None
    return code.strip()
