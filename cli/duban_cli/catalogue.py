"""Every command of ``duban`` in the order of the list, each with its line there; it is imported when it is called.

What the commands need (clients of Kafka and PostgreSQL, packs, the models of messages) takes several times as long to
import as the list takes to print. So the list, the completion of its words and a mistyped word import none of it.
"""

from __future__ import annotations

from collections import UserDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from duban_cli.lean_help import import_help


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """A command, or a group of them, at ``place``, which is ``module:name`` in :mod:`duban_cli.commands`.

    ``summary`` is the first paragraph of its own help, word for word. ``settings`` are those of its context.
    """

    place: str
    summary: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def loaded(self, name: str) -> Any:
        """The command itself, under ``name``; imports its module."""
        module, _, attribute = self.place.partition(":")
        target = getattr(import_module(f"duban_cli.commands.{module}"), attribute)
        if isinstance(target, typer.Typer):
            command: Any = get_group(target)
            command.name = name
            return command
        alone = typer.Typer(add_completion=False)
        alone.command(name, context_settings=dict(self.settings))(target)
        return get_command(alone)


COMMANDS: Final[Mapping[str, CommandEntry]] = {
    "up": CommandEntry(
        "up:up", "Run the whole engine on this machine until Ctrl-C: broker, database, topics, packs, services."
    ),
    "migrate": CommandEntry(
        "migrate:migrate",
        "Bring the database to what this release needs: migrations, and what each role may do. "
        "Run it before the services.",
    ),
    "demo": CommandEntry(
        "demo:demo", "Play cities' stories on the real stack, and check the outcome against what they tell."
    ),
    "bench": CommandEntry(
        "bench:bench",
        "Measure whole lifecycles, deadlines, intake and router, each beside its limit in the same run.",
    ),
    "chaos": CommandEntry(
        "chaos:chaos",
        "Break things on purpose while people work, then heal, drain, and have an independent checker judge.",
    ),
    "login": CommandEntry(
        "sign_in:login",
        "Sign in at an API: from then on, commands act as this account, until the session ends or `duban logout`.",
    ),
    "logout": CommandEntry(
        "sign_in:logout",
        "Sign out: the session ends at the API, and its file is gone. "
        "The engine that runs here knows this machine anyway.",
    ),
    "whoami": CommandEntry(
        "sign_in:whoami",
        "Who the command line is at the API, with which appointments; --json names what they may do at all, too.",
    ),
    "mcp": CommandEntry(
        "mcp:mcp",
        "Let a person's own assistant look up, compile and check, as that person and no more (Model Context Protocol).",
    ),
    "act": CommandEntry(
        "act:act", "Send an action on a problem and say what came of it; ends with 4 when it is refused."
    ),
    "bulletin": CommandEntry(
        "bulletin:bulletin",
        "Compile a bulletin (通报), an account (月交账), lists (清单), a wall chart (挂图作战), or scores (考核).",
    ),
    "draw": CommandEntry(
        "draw:draw",
        "Draw problems at random (抽查), as a pack says; with --open, the unit that checks them owes the checks.",
    ),
    "tail": CommandEntry("topics:tail", "Show what runs through a topic, as it comes."),
    "lag": CommandEntry("topics:lag", "How far every consumer group is behind, by topic and partition."),
    "simulate": CommandEntry(
        "simulation:simulate",
        "Play months of reports under a pack on virtual time, without Kafka or database, and count what comes of them.",
    ),
    "replay": CommandEntry(
        "simulation:replay",
        "Play the real history under another pack: what people did stays, what the engine did is decided anew.",
    ),
    "check": CommandEntry(
        "checks:check", "Lint, format, import laws, types and unit tests, all at once; ends with 1 if one fails."
    ),
    "test": CommandEntry(
        "checks:test",
        "Run every test, on the real broker and database; arguments go to pytest.",
        {"allow_extra_args": True, "ignore_unknown_options": True},
    ),
    "problem": CommandEntry("problem:problem_app", "Problems, and other records, with their history."),
    "ledger": CommandEntry("ledger:ledger_app", "The ledger as a whole: whether it is still what was written."),
    "desk": CommandEntry("desk:desk_app", "The desk: the read model that the pages of the API ask."),
    "duty": CommandEntry("duty:duty_app", "Duties that the calendar or a measure has opened for units."),
    "listing": CommandEntry("listing:listing_app", "Lists such as a blacklist (黑名单): who stands on them, and why."),
    "reward": CommandEntry("reward:reward_app", "Rewards (举报奖励) for reports that proved true."),
    "hj212": CommandEntry(
        "hj212:hj212_app", "HJ 212, the protocol of pollution-source monitors: its devices, and what its frames say."
    ),
    "detect": CommandEntry(
        "detect:detect",
        "What the rules of a pack find in readings from a file: the episodes that the detector reports of the same.",
    ),
    "sim": CommandEntry("sim:sim_app", "Devices that are not there: they send what others have measured."),
    "reading": CommandEntry(
        "target_readings:reading_app", "Readings of targets: what the environment itself came to, and when."
    ),
    "report": CommandEntry("report:report_app", "Reports (线索) from files."),
    "evidence": CommandEntry(
        "evidence:evidence_app", "Evidence (固化证据): files, sealed by their SHA-256, and the store that they lie in."
    ),
    "source": CommandEntry(
        "source:source_app", "Sources: who may hand in reports and readings, how they speak, and with which key."
    ),
    "contact": CommandEntry("contact:contact_app", "Contacts: by which ways units, and persons there, are told."),
    "dlq": CommandEntry("dead_letters:dlq_app", "Dead letters: what could not be handled, why, and back again."),
    "vault": CommandEntry(
        "vault:vault_app",
        "The vault: who reported, opened by two custodians together, each signed in as themselves.",
    ),
    "account": CommandEntry(
        "account:account_app", "Accounts: who may sign in, with which roles, and the log of what they did as such."
    ),
    "key": CommandEntry("key:key_app", "Keys of systems: what each may, until when, when it was last used."),
    "pack": CommandEntry("pack:pack_app", "Policy packs and calendars: check, explain, compare, publish, list."),
    "calendar": CommandEntry("calendar:calendar_app", "Holiday calendars of other countries and regions."),
    "kafka": CommandEntry("kafka:kafka_app", "Kafka: who may come to the brokers, and what each may do there."),
    "topics": CommandEntry("topics:topics_app", "Kafka topics as deploy/topics.yaml declares them."),
}


class Catalogue(TyperGroup):
    """The group of all commands; whoever looks one up in ``commands`` gets the command itself."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "commands": _OnDemand(COMMANDS)})

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Whoever asks for help, of whichever command, gets it without what it does not use."""
        if not args or not set(args).isdisjoint(ctx.help_option_names):
            import_help()
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        """The command as far as lists show it: its name and its line."""
        entry = COMMANDS.get(cmd_name)
        return None if entry is None else TyperCommand(cmd_name, help=entry.summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that is called, itself."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, None if name is None else self.commands[name], rest


class _OnDemand(UserDict[str, Any]):
    """Commands by name, each loaded when it is first looked up."""

    def __getitem__(self, name: str) -> Any:
        held = self.data[name]
        if isinstance(held, CommandEntry):
            held = self.data[name] = held.loaded(name)
        return held
