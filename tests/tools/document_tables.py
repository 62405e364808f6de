"""What the documents take from the code: ``python -m tests.tools.document_tables`` writes their blocks anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from duban.contracts.catalogue import message_table
from duban.io.settings import Settings, settings_table
from duban.moves import AFTER_REJECTION, AFTER_STRIKE_OFF, IN_ANY_OPEN, NEXT, STAGE, Stage, Status
from duban_console.api.settings import ApiSettings
from duban_escalation.settings import EscalationSettings
from duban_intake.gateway.settings import GatewaySettings
from duban_local import ROOT

DOCS: Final = ROOT / "docs"


def state_diagram() -> str:
    """The legal moves as mermaid diagrams, one arrow a transition: of problems, of entries on lists, of rewards."""
    listing = _life(
        "An entry on a list, from the notice to the end of its term. Whoever answers in time, does not stand on it "
        "before the appeal is decided:",
        _arrows(_reached("noticed")),
    )
    reward = _life(
        "A reward, owed once a report has proved true, and forfeited if nobody collects it:",
        _arrows(_reached("reward_owed")),
    )
    return f"{_diagram(_of_problems())}\n{listing}\n{reward}"


def _life(said: str, lines: Iterable[str]) -> str:
    return f"{said}\n\n{_diagram(lines)}"


def _diagram(lines: Iterable[str]) -> str:
    return "```mermaid\nstateDiagram-v2\n" + "\n".join(lines) + "\n```\n"


def _reached(*beginnings: str) -> frozenset[Status]:
    """Every status of the records that begin with one of the events ``beginnings``."""
    found = {NEXT[None, kind] for kind in beginnings}
    while new := {end for (start, _), end in NEXT.items() if start in found} - found:
        found |= new
    return frozenset(found)


def _of_problems() -> Iterator[str]:
    mine = _reached("registered", "opened")
    for stage in (Stage.DISCOVERY, Stage.TRANSFER, Stage.DISPOSAL):
        yield f"    state {stage} {{"
        yield from (f"        {status}" for status in Status if status in mine and STAGE[status] is stage)
        yield "    }"
    yield from _arrows(mine)
    yield f"    note right of {Status.UNDERWAY}: in every open status: {_words(IN_ANY_OPEN)}"
    yield f"    note right of {Status.STRUCK_OFF}: after strike-off: {_words(AFTER_STRIKE_OFF)}"
    yield f"    note right of {Status.REJECTED}: after rejection: {_words(AFTER_REJECTION)}"


def _arrows(mine: frozenset[Status]) -> Iterator[str]:
    """The moves between the statuses ``mine``, less those that the notes name."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (before, kind), after in NEXT.items():
        noted = kind in IN_ANY_OPEN or (before is after is Status.STRUCK_OFF)
        if after in mine and not noted:
            arrows.setdefault((before or "[*]", after), []).append(kind.replace("_", " "))
    for (start, end), kinds in arrows.items():
        yield f"    {start} --> {end}: {' · '.join(kinds)}"


def _words(kinds: Sequence[str]) -> str:
    return ", ".join(kind.replace("_", " ") for kind in kinds)


def settings_of_all() -> str:
    """Every setting of every process."""
    return settings_table(Settings, GatewaySettings, EscalationSettings, ApiSettings)


#: The blocks by name: in which document each stands, and what writes it.
BLOCKS: Final[dict[str, tuple[Path, Callable[[], str]]]] = {
    "messages": (DOCS / "messages.md", message_table),
    "states": (DOCS / "messages.md", state_diagram),
    "settings": (DOCS / "settings.md", settings_of_all),
}


def documents() -> list[Path]:
    """Every document that has a block, once."""
    return list(dict.fromkeys(path for path, _ in BLOCKS.values()))


def renewed(path: Path) -> str:
    """The text of ``path``, each of its blocks between ``<!-- name -->`` and ``<!-- /name -->`` as the code has it."""
    text = path.read_text("utf-8")
    for name, (document, block) in BLOCKS.items():
        if document == path:
            text = _with_block(text, name, block())
    return text


def _with_block(text: str, name: str, made: str) -> str:
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
