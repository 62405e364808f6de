"""What the README takes from the code: ``python -m duban_console.documents`` writes its blocks anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from duban.io.settings import Settings, settings_table
from duban.messages.catalogue import message_table
from duban.problem import NEXT, OPEN, STAGE, Stage, Status
from duban_console.api.__main__ import ApiSettings
from duban_console.running import ROOT
from duban_escalation.settings import EscalationSettings
from duban_intake.gateway.__main__ import GatewaySettings

README = ROOT / "README.md"
_ANYWHERE = ("attached", "reminded", "escalated", "recomputed")


def state_diagram() -> str:
    """The legal moves as a mermaid diagram, one arrow a transition."""
    return "```mermaid\nstateDiagram-v2\n" + "\n".join(_moves()) + "\n```\n"


def _moves() -> Iterator[str]:
    for stage in Stage:
        inside = [status for status in Status if STAGE[status] is stage]
        if stage in (Stage.DISCOVERY, Stage.TRANSFER, Stage.DISPOSAL):
            yield f"    state {stage} {{"
            yield from (f"        {status}" for status in inside)
            yield "    }"
    for (before, kind), after in NEXT.items():
        if kind not in _ANYWHERE:
            yield f"    {before or '[*]'} --> {after}: {kind}"
    yield f"    note right of {Status.UNDERWAY}: in every open status a problem can be {', '.join(_ANYWHERE)}"
    assert all((status, kind) in NEXT for status in OPEN for kind in _ANYWHERE)


def settings_of_all() -> str:
    """Every setting of every process."""
    return settings_table(Settings, GatewaySettings, EscalationSettings, ApiSettings)


#: The blocks of the README by name.
BLOCKS: dict[str, Callable[[], str]] = {
    "messages": message_table,
    "states": state_diagram,
    "settings": settings_of_all,
}


def renewed(text: str) -> str:
    """``text`` with each block between ``<!-- name -->`` and ``<!-- /name -->`` as the code has it now."""
    for name, block in BLOCKS.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text, found = pattern.subn(partial(_between, block()), text)
        if found != 1:
            raise ValueError(f"the block {name} stands {found} times in the text, not once")
    return text


def _between(made: str, match: re.Match[str]) -> str:
    return match[1] + made + match[2]


if __name__ == "__main__":
    README.write_text(renewed(README.read_text("utf-8")), "utf-8")
