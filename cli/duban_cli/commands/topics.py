"""``duban tail``, ``duban lag``, ``duban topics``: what runs through Kafka."""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from duban.io.broker import connection
from duban_cli.connection import settings
from duban_cli.output import AsJson, ExitCode, command, err, fail, out, write_json
from duban_cli.patience import waited_for
from duban_console.kafka.dead_letters import SUFFIX
from duban_console.kafka.lag import ends_of, lags
from duban_console.kafka.record_format import one_line, unpacked
from duban_console.kafka.topic_reader import Raw, administering, records, topics_of

#: What people call a topic.
SHORT = {
    name: f"duban.{name}.v1"
    for name in ("reports", "readings", "commands", "problems", "notices", "packs", "anchors", "audit", "clock")
}

topics_app = typer.Typer(no_args_is_help=True, help="Kafka topics as deploy/topics.yaml declares them.")


@command
async def tail(
    topic: Annotated[
        str, typer.Argument(help=f"A topic; short for one of ours: {', '.join(SHORT)}; dlq for all dead.")
    ],
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="All that is there, then what comes.")
    ] = False,
    problem: Annotated[str | None, typer.Option(help="Only what concerns this problem, by its id.")] = None,
    count: Annotated[int | None, typer.Option("-n", min=1, help="End after so many.")] = None,
    no_follow: Annotated[bool, typer.Option("--no-follow", help="End where the topic ends now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what runs through a topic, as it comes.

    Example: duban tail problems --from-beginning -n 20
    """
    known = settings()
    there = await topics_of(known)
    names = sorted(name for name in there if name.endswith(SUFFIX)) if topic == "dlq" else [SHORT.get(topic, topic)]
    if topic != "dlq" and names[0] not in there:
        fail(ExitCode.NOT_FOUND, f"there is no topic {names[0]}; `duban topics ls` lists them")
    shown = 0
    stream = records(known, names, from_beginning=from_beginning or no_follow, follow=not no_follow)
    async with aclosing(stream):
        async for record in stream:
            if problem is not None and problem not in _about(record):
                continue
            write_json(unpacked(record)) if as_json else out().print(one_line(record))
            shown += 1
            if shown == count:
                return


def _about(record: Raw) -> set[str]:
    """The ids that a record is about: its key, its subject, and the problem that a notice names."""
    event = unpacked(record)
    data = event.get("data")
    problem = data.get("problem_id") if isinstance(data, dict) else None
    return {str(id_) for id_ in (event.get("key"), event.get("subject"), problem) if id_}


@command
async def lag(as_json: AsJson = False) -> None:
    """How far every consumer group is behind, by topic and partition.

    Example: duban lag --json
    """
    places = await lags(settings())
    if as_json:
        for place in places:
            write_json(
                {"group": place.group, "topic": place.topic, "partition": place.partition, "committed": place.committed,
                 "end": place.end, "lag": place.lag}
            )  # fmt: skip
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("group", "topic", "partition", "committed", "end", "lag"):
        table.add_column(title, justify="left" if title in ("group", "topic") else "right")
    for place in places:
        colour = "yellow" if place.lag else "green"
        table.add_row(
            escape(place.group), escape(place.topic), str(place.partition), str(place.committed), str(place.end),
            f"[{colour}]{place.lag}[/]",
        )  # fmt: skip
    out().print(table)
    err().print(f"{sum(place.lag for place in places)} behind in {len(places)} partitions")


@topics_app.command("apply")
@command
async def apply(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    replication: Annotated[int, typer.Option(min=1, help="Replicas of a topic that is created.")] = 1,
    partitions: Annotated[int | None, typer.Option(min=1, help="Instead of the declared count.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for a broker that is away.")] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Bring the broker to have the declared topics; nothing is ever deleted.

    Example: duban topics apply --dry-run
    """
    from duban_local import topics

    known = settings()
    await waited_for("broker", wait, lambda: topics_of(known))
    client = connection(known, "duban-cli")
    bootstrap = client.pop("bootstrap_servers")
    changes = await topics.apply(
        ",".join(bootstrap), dry_run=dry_run, replication=replication, partitions=partitions, **client
    )
    for change in changes:
        if as_json:
            write_json({"topic": change.topic, "action": change.action, "detail": change.detail, "dry_run": dry_run})
        else:
            out().print(f"{change.action} {escape(change.topic)}: {escape(change.detail)}")
    err().print(f"{len(changes)} {'would change' if dry_run else 'changed'}")


@topics_app.command("ls")
@command
async def ls(as_json: AsJson = False) -> None:
    """Every topic with its partitions and how many records have gone through it.

    Example: duban topics ls
    """
    from aiokafka.structs import TopicPartition

    known = settings()
    async with administering(known) as admin:
        described: list[dict[str, Any]] = await admin.describe_topics()
    places = [
        TopicPartition(description["topic"], part["partition"])
        for description in described
        if not description["topic"].startswith("__")
        for part in description["partitions"]
    ]
    ends = await ends_of(known, places)
    counts: dict[str, list[int]] = {}
    for place in sorted(places):
        counts.setdefault(place.topic, []).append(ends.get(place, 0))
    table = Table("topic", "partitions", "records", box=None, pad_edge=False, header_style="dim")
    for topic, parts in counts.items():
        if as_json:
            write_json({"topic": topic, "partitions": len(parts), "records": sum(parts)})
        table.add_row(escape(topic), str(len(parts)), str(sum(parts)))
    if not as_json:
        out().print(table)
