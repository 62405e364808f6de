"""``duban dlq``: what could not be handled, why, and back again."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer
from rich.markup import escape
from rich.table import Table

from duban_cli.connection import publishing, settings
from duban_cli.output import AsJson, ExitCode, command, err, fail, out, write_json
from duban_console.kafka.dead_letters import SUFFIX, Reason, Returned, counted, reason_of, returned
from duban_console.kafka.record_format import shown
from duban_console.kafka.topic_reader import Raw, records, topics_of

if TYPE_CHECKING:
    from duban.io.settings import Settings

dlq_app = typer.Typer(no_args_is_help=True, help="Dead letters: what could not be handled, why, and back again.")

Topic = Annotated[str, typer.Argument(help="A topic of dead letters, <topic>.<group>.dlq.")]
Offset = Annotated[int | None, typer.Option(min=0, help="Only the letter at this offset.")]
Partition = Annotated[int, typer.Option(min=0, help="The partition of that offset.")]


@dlq_app.command("ls")
@command
async def ls(as_json: AsJson = False) -> None:
    """Every topic of dead letters with how many lie there, by code.

    Example: duban dlq ls
    """
    known = settings()
    topics = sorted(name for name in await topics_of(known) if name.endswith(SUFFIX))
    reasons: dict[str, list[Reason]] = defaultdict(list)
    async for letter in records(known, topics):
        reasons[letter.topic].append(reason_of(letter.headers))
    table = Table("topic", "letters", "codes", box=None, pad_edge=False, header_style="dim")
    for topic in topics:
        codes = counted(reasons[topic])
        if as_json:
            write_json({"topic": topic, "letters": len(reasons[topic]), "codes": codes})
        elif codes:
            words = ", ".join(f"{code} {count}" for code, count in codes.items())
            table.add_row(escape(topic), str(len(reasons[topic])), escape(words))
    if not as_json and reasons:
        out().print(table)
    err().print(f"{sum(map(len, reasons.values()))} dead letters in {len(topics)} topics")


@dlq_app.command("show")
@command
async def show(topic: Topic, offset: Offset = None, partition: Partition = 0, as_json: AsJson = False) -> None:
    """The dead letters of a topic: where each came from, why it lies there, and what it holds.

    Example: duban dlq show duban.commands.v1.duban-router.dlq --offset 3
    """
    for letter in await _letters(settings(), topic, offset, partition):
        reason = reason_of(letter.headers)
        if as_json:
            headers = [[name, shown(value)] for name, value in letter.headers]
            write_json(
                {"topic": topic, "partition": letter.partition, "offset": letter.offset, "reason": asdict(reason),
                 "key": shown(letter.key), "headers": headers, "value": shown(letter.value)}
            )  # fmt: skip
            continue
        console = out()
        console.print(f"[bold]{letter.partition}/{letter.offset}[/] [red]{escape(reason.code)}[/]")
        for name, held in asdict(reason).items():
            if held is not None and name not in ("code", "stacktrace"):
                console.print(f"  {name}: {escape(str(held))}")
        for header, value in letter.headers:
            if header.startswith(("ce_", "content-type", "duban.replay.")):
                console.print(f"  [dim]{escape(header)}: {escape(shown(value) or '')}[/]")
        console.print(f"  key: {escape(shown(letter.key) or '–')}")
        console.print(f"  value: {escape((shown(letter.value) or '–')[:2000])}")
        if reason.stacktrace and offset is not None:
            console.print(escape(reason.stacktrace))


@dlq_app.command("replay")
@command
async def replay(
    topic: Topic,
    by: Annotated[str, typer.Option(help="Who sends them back.")],
    reason: Annotated[str, typer.Option(help="Why it will work now.")],
    offset: Offset = None,
    partition: Partition = 0,
    everything: Annotated[bool, typer.Option("--all", help="Every letter of the topic.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go back.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send dead letters back to the topics they came from, key and value byte for byte.

    The letters stay where they are and nothing is remembered: what was handled meanwhile changes nothing, for every
    effect has an id that follows from its cause.

    Example: duban dlq replay duban.commands.v1.duban-router.dlq --offset 3 --by li --reason "router 1.2 reads it"
    """
    if everything == (offset is not None):
        fail(ExitCode.USAGE, "say which: --offset N or --all")
    known = settings()
    id_ = str(uuid4())
    letters = await _letters(known, topic, offset, partition)
    going: list[Returned] = []
    for letter in letters:
        try:
            going.append(returned(topic, letter.key, letter.value, letter.headers, id_=id_, by=by, why=reason))
        except ValueError as error:
            fail(ExitCode.FAILURE, f"{letter.partition}/{letter.offset}: {error}")
    await _send(known, going, dry_run)
    for letter, back in zip(letters, going, strict=True):
        if as_json:
            write_json(
                {"replay": id_, "from": topic, "partition": letter.partition, "offset": letter.offset,
                 "to": back.topic, "dry_run": dry_run}
            )  # fmt: skip
        else:
            out().print(f"{letter.partition}/{letter.offset} → {escape(back.topic)}")
    err().print(f"{len(going)} {'would go' if dry_run else 'went'} back, as replay {id_}")


async def _send(known: Settings, going: list[Returned], dry_run: bool) -> None:
    missing = {letter.topic for letter in going} - await topics_of(known)
    if missing:
        fail(ExitCode.NOT_FOUND, f"there is no topic {min(missing)} to send them back to")
    if going and not dry_run:
        async with publishing(known) as publisher:
            await publisher.publish(going)


async def _letters(known: Settings, topic: str, offset: int | None, partition: int) -> list[Raw]:
    """The letters of ``topic``, or the one at ``offset``; ends the command when there is no such topic or letter."""
    if topic not in await topics_of(known):
        fail(ExitCode.NOT_FOUND, f"there is no topic {topic}; `duban dlq ls` lists them")
    if not topic.endswith(SUFFIX):
        fail(ExitCode.USAGE, f"{topic} holds no dead letters: their topics end in {SUFFIX}")
    letters = [
        letter
        async for letter in records(known, [topic])
        if offset is None or (letter.offset, letter.partition) == (offset, partition)
    ]
    if offset is not None and not letters:
        fail(ExitCode.NOT_FOUND, f"{topic} holds no letter at partition {partition}, offset {offset}")
    return sorted(letters, key=lambda letter: (letter.partition, letter.offset))
