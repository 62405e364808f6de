"""What the documents take from the code: ``python -m tests.tools.document_tables`` writes their blocks anew."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from duban.contracts.catalogue import message_table
from duban.io.settings import AnchorSettings, Settings, settings_table
from duban.moves import AFTER_REJECTION, AFTER_STRIKE_OFF, IN_ANY_OPEN, LADDER, MOVES, STAGE, Kind, Stage, Status
from duban_cli.assistants.server import tools_offered
from duban_console.accounts.access import ANYBODY, PAGES, ROUTES, SIGNED_IN, TABLE, THE_ACTION
from duban_console.accounts.account import Role
from duban_console.accounts.facets import SEEN_BY
from duban_console.api.settings import ApiSettings
from duban_detector.settings import DetectorSettings
from duban_escalation.settings import EscalationSettings
from duban_intake.gateway.access import ROUTES as GATEWAY_ROUTES
from duban_intake.gateway.settings import GatewaySettings
from duban_intake.hj212.settings import Hj212Settings
from duban_intake.mail.settings import MailSettings
from duban_intake.mqtt.settings import MqttSettings
from duban_intake.settings import IntakeSettings
from duban_intake.vault.settings import VaultSettings
from duban_local import ROOT, topics
from duban_router.settings import RouterSettings
from tests.tools.guide_tables import acts, measures
from tests.tools.metrics import metrics_table

DOCS: Final = ROOT / "docs"
GUIDE: Final = DOCS / "writing-a-pack.md"
CHINESE_GUIDE: Final = DOCS / "writing-a-pack.zh-CN.md"


def state_diagram() -> str:
    """The legal moves as mermaid diagrams, one a kind of record and one arrow a transition."""
    duty = _life(
        "A duty, opened by the calendar or a measure; what is submitted is off the ledger in the same breath:",
        _arrows(Kind.DUTY),
    )
    listing = _life(
        "An entry on a list, from the notice to the end of its term. Whoever answers in time, does not stand on it "
        "before the appeal is decided:",
        _arrows(Kind.LISTING),
    )
    reward = _life(
        "A reward, owed once a report has proved true, and forfeited if nobody collects it:", _arrows(Kind.REWARD)
    )
    reading = _life(
        "A reading of a target, which stays as it was taken; a correction is another:", _arrows(Kind.READING)
    )
    return f"{_diagram(_of_problems())}\n{duty}\n{listing}\n{reward}\n{reading}"


def _life(said: str, lines: Iterable[str]) -> str:
    return f"{said}\n\n{_diagram(lines)}"


def _diagram(lines: Iterable[str]) -> str:
    return "```mermaid\nstateDiagram-v2\n" + "\n".join(lines) + "\n```\n"


def _of_problems() -> Iterator[str]:
    for stage in (Stage.DISCOVERY, Stage.TRANSFER, Stage.DISPOSAL):
        yield f"    state {stage} {{"
        yield from (f"        {status}" for status, its in STAGE.items() if its is stage)
        yield "    }"
    yield from _arrows(Kind.PROBLEM)
    yield f"    note right of {Status.UNDERWAY}: in every open status: {_words(IN_ANY_OPEN)}"
    yield f"    note right of {Status.STRUCK_OFF}: after strike-off: {_words(AFTER_STRIKE_OFF)}"
    yield f"    note right of {Status.REJECTED}: after rejection: {_words(AFTER_REJECTION)}"


def _arrows(kind: Kind) -> Iterator[str]:
    """The moves of one kind of record, less those that the notes name and the ladder, which leaves it where it is."""
    noted = {*LADDER, *(IN_ANY_OPEN if kind is Kind.PROBLEM else ())}
    arrows: dict[tuple[str, str], list[str]] = {}
    for (before, change), after in MOVES[kind].items():
        if change not in noted and not (before is after is Status.STRUCK_OFF):
            arrows.setdefault((before or "[*]", after), []).append(change.replace("_", " "))
    for (start, end), changes in arrows.items():
        yield f"    {start} --> {end}: {' · '.join(changes)}"


def _words(kinds: Sequence[str]) -> str:
    return ", ".join(kind.replace("_", " ") for kind in kinds)


def settings_of_all() -> str:
    """Every setting of every process."""
    return settings_table(
        Settings,
        AnchorSettings,
        RouterSettings,
        IntakeSettings,
        GatewaySettings,
        VaultSettings,
        Hj212Settings,
        MqttSettings,
        MailSettings,
        DetectorSettings,
        EscalationSettings,
        ApiSettings,
    )


def access_table() -> str:
    """Who may see and do what: a deed a row, a role a column."""
    roles = list(Role)
    lines = [f"| deed | {' | '.join(f'`{role}`' for role in roles)} |", f"| --- |{' --- |' * len(roles)}"]
    for deed, cells in TABLE.items():
        marks = (cells[role].value if role in cells else "" for role in roles)
        lines.append(f"| `{deed}` | {' | '.join(marks)} |")
    return "\n".join(lines) + "\n"


def facet_table() -> str:
    """What of a record which role sees: a facet a row, a role a column."""
    roles = list(Role)
    lines = [f"| facet | {' | '.join(f'`{role}`' for role in roles)} |", f"| --- |{' --- |' * len(roles)}"]
    for facet, seen_by in SEEN_BY.items():
        lines.append(f"| `{facet}` | {' | '.join('seen' if role in seen_by else '' for role in roles)} |")
    return "\n".join(lines) + "\n"


def route_table(routes: Mapping[tuple[str, str], str] = ROUTES, what: str = "route") -> str:
    """What each of ``routes`` is the deed of."""
    lines = [f"| {what} | deed |", "| --- | --- |"]
    for (method, path), deed in routes.items():
        shown = f"*{deed}*" if deed in (ANYBODY, SIGNED_IN, THE_ACTION) else f"`{deed}`"
        lines.append(f"| `{method} {path}` | {shown} |")
    return "\n".join(lines) + "\n"


def gateway_table() -> str:
    """What each route of the gateway asks for."""
    rows = (f"| `{method} {path}` | {asks} |" for (method, path), asks in GATEWAY_ROUTES.items())
    return "\n".join(("| route | asks for |", "| --- | --- |", *rows)) + "\n"


def tool_table() -> str:
    """What an assistant is offered: a tool a row, with its arguments and what it answers."""
    lines = ["| tool | arguments | what it shows |", "| --- | --- | --- |"]
    for tool in asyncio.run(tools_offered()):
        needed = tool.input_schema.get("required", ())
        names = (f"`{name}`{'*' if name in needed else ''}" for name in tool.input_schema["properties"])
        summary = " ".join((tool.description or "").partition("\n\n")[0].split())
        lines.append(f"| `{tool.name}` | {', '.join(names)} | {summary} |")
    return "\n".join(lines) + "\n"


def rights_table() -> str:
    """Who writes and who reads each topic."""
    lines = ["| topic | who writes | who reads |", "| --- | --- | --- |"]
    for topic, entry in topics.declaration().topics.items():
        lines.append(f"| `{topic}` | {', '.join(entry.writers) or 'nobody'} | {', '.join(entry.readers)} |")
    return "\n".join(lines) + "\n"


#: The blocks by name: in which document each stands, and what writes it.
BLOCKS: Final[dict[str, tuple[Path, Callable[[], str]]]] = {
    "messages": (DOCS / "messages.md", message_table),
    "states": (DOCS / "messages.md", state_diagram),
    "settings": (DOCS / "settings.md", settings_of_all),
    "metrics": (DOCS / "metrics.md", metrics_table),
    "access": (DOCS / "access.md", access_table),
    "rights": (DOCS / "architecture.md", rights_table),
    "routes": (DOCS / "access.md", route_table),
    "pages": (DOCS / "access.md", partial(route_table, PAGES, "page")),
    "gateway": (DOCS / "access.md", gateway_table),
    "facets": (DOCS / "access.md", facet_table),
    "tools": (DOCS / "assistants.md", tool_table),
    "kinds": (GUIDE, partial(measures, "en")),
    "kinds-zh": (CHINESE_GUIDE, partial(measures, "zh")),
    "acts": (GUIDE, partial(acts, "en")),
    "acts-zh": (CHINESE_GUIDE, partial(acts, "zh")),
}


def documents() -> list[Path]:
    """Every document that has a block, once."""
    return list(dict.fromkeys(path for path, _ in BLOCKS.values()))


def renewed(path: Path) -> str:
    """The text of ``path``, each of its blocks between ``<!-- name -->`` and ``<!-- /name -->`` as the code has it."""
    text = path.read_text("utf-8")
    for name, (document, block) in BLOCKS.items():
        if document == path:
            text = with_block(text, name, block())
    return text


def with_block(text: str, name: str, made: str) -> str:
    """``text`` with ``made`` as its one block of that name."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    text, count = pattern.subn(partial(_between, made), text)
    if count != 1:
        raise ValueError(f"the block {name} stands {count} times in the text, not once")
    return text


def _between(made: str, match: re.Match[str]) -> str:
    return match[1] + made + match[2]


if __name__ == "__main__":
    for written in documents():
        written.write_text(renewed(written), "utf-8")
