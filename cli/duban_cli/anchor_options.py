"""What an auditor gives to the commands that compare with anchors: a file that was kept, and public keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from duban_cli.output import ExitCode, fail

Against = Annotated[
    Path | None, typer.Option(help="Anchors or heads kept earlier, as `ledger anchors` and `ledger heads` write them.")
]
PublicKey = Annotated[
    list[str] | None,
    typer.Option(
        help="What `ledger key` printed, or a file with it (PEM too); repeatable, for keys that were changed."
    ),
]


def trusted(given: Sequence[str] | None) -> list[str]:
    """The public keys in what was ``given``; ends the command where one is none."""
    from duban.io.anchor_key import public_key

    keys = []
    for text in given or ():
        file = Path(text)
        try:
            keys.append(public_key(file.read_text("utf-8") if file.is_file() else text))
        except (OSError, ValueError) as error:
            fail(ExitCode.USAGE, f"--public-key: {text} {error}")
    return keys
