"""What pages call the kinds of bulletins; and a diagram of one with its table. Pure."""

from __future__ import annotations

from typing import Final

from duban.pages.words import msgid
from duban.policy.model.assessment import BulletinKind
from duban_console.assessment.diagrams import Diagram
from duban_console.pages.comparison_view import ShownDiagram, shown
from duban_console.pages.record_words import RecordWords

#: The kinds of bulletins, where the pack has no name for one.
KINDS: Final = {
    BulletinKind.BULLETIN: msgid("State of rectification"),
    BulletinKind.ACCOUNT: msgid("Account of units"),
    BulletinKind.EXPOSURE: msgid("Exposure list"),
    BulletinKind.LEDGER: msgid("Ledger of the period"),
    BulletinKind.SCORES: msgid("Scores"),
    BulletinKind.PROBLEMS: msgid("List of problems"),
    BulletinKind.RESPONSIBILITIES: msgid("List of responsibilities"),
    BulletinKind.TASKS: msgid("List of tasks"),
    BulletinKind.WALL_CHART: msgid("Wall chart of all"),
    BulletinKind.TARGETS: msgid("Targets"),
}


def shown_diagram(diagram: Diagram, svg: str, words: RecordWords) -> ShownDiagram:
    """``diagram`` as a page shows it: drawn as ``svg``, with its table."""
    first = words.say("Week until") if diagram.id == "lamps" else words.say("Unit")
    return shown(diagram, svg, first)
