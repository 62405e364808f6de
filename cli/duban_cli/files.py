"""What is given to a command beside its arguments: files as sealed evidence, and codes that nobody else may read."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from hashlib import file_digest
from pathlib import Path
from typing import Annotated, Any

import typer

from duban.messages.handle import handle_of
from duban_console.action import InvalidAction

EvidenceFiles = Annotated[
    list[Path] | None,
    typer.Option("--evidence", help="A file, sealed by its SHA-256; repeatable.", exists=True, dir_okay=False),
]


def sealed(files: Iterable[Path]) -> list[dict[str, Any]]:
    """Each file as evidence: where it lies and the SHA-256 of its bytes."""
    evidence = []
    for file in files:
        with file.open("rb") as raw:
            seal = file_digest(raw, "sha256").hexdigest()
        evidence.append({"uri": file.resolve().as_uri(), "sha256": seal, "title": file.name})
    return evidence


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
