"""What an auditor gives to the commands that compare with anchors: a file that was kept, and public keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from duban.errors import Unavailable
from duban_cli.connection import settings
from duban_cli.output import ExitCode, err, fail, out, write_json

if TYPE_CHECKING:
    from duban.messages.anchors import Anchor, Anchored
    from duban_console.anchor_audit import AnchorAudit
    from duban_console.ledger_audit import Finding

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


async def anchored(chain: Anchored, against: Path | None, keys: Sequence[str]) -> tuple[AnchorAudit, list[Anchor]]:
    """What is to be said of the anchors of a log, and those of them that may be believed."""
    from duban.messages.anchors import Anchor
    from duban_console.anchor_audit import AnchorAudit
    from duban_console.witnesses import anchors_on_topic, kept, signed_with

    audit = AnchorAudit(chain, signed_with(keys))
    anchors: dict[int, Anchor] = {}

    def take(anchor: Anchor, where: str, *, on_topic: bool) -> None:
        if audit.take(anchor, where, on_topic=on_topic):
            anchors[anchor.number] = anchor

    for number, line in kept(against) if against else ():
        if isinstance(line, Anchor):
            take(line, f"{against}, line {number}", on_topic=False)
    try:
        known = settings()
    except Unavailable:
        err().print("no broker is known: the anchors on the topic were not looked at")
    else:
        audit.topic = True
        async with aclosing(anchors_on_topic(known)) as stream:
            async for where, anchor in stream:
                take(anchor, where, on_topic=True)
    return audit, list(anchors.values())


def tell_verified(audit: Mapping[str, Any], findings: Sequence[Finding], anchors: int, *, as_json: bool) -> None:
    """Say whether a log is whole, by ``audit``, and as its anchors have it; ends the command with 1 if not."""
    if as_json:
        named = [finding.model_dump(mode="json", exclude_none=True) for finding in findings]
        write_json({**audit, "anchors": anchors, "findings": named})
    if not audit["whole"]:
        fail(ExitCode.FAILURE, f"line {audit['broken']} of the log: {audit['reason']}")
    if findings:
        fail(ExitCode.FAILURE, "; ".join(map(str, findings)))
    if not as_json:
        out().print(audit["head"])
    err().print(f"[green]✓[/] {audit['lines']} lines, each follows on the one before it; {anchors} anchors")
