"""The word of the router on a move that is not legal: what cannot be, when it can, what to do first. Pure."""

from __future__ import annotations

from typing import Final

from duban.messages import changes as c
from duban.messages.records import AnyRecord
from duban.moves import MOVES, OPEN, Kind, Status
from duban.refusal import Refusal


def illegal_move(record: AnyRecord, change: c.Change) -> Refusal:
    """The refusal of ``change``, which ``record`` in its status cannot bear."""
    moves = MOVES[record.kind]
    able = [status for status in Status if (status, change.kind) in moves]
    where = _plain(record.status)
    of = f"a {record.kind}"
    if change.kind in _NOT_PASSIVE:
        what = f"{_NOT_PASSIVE[change.kind]} while {of} is {where}"
    else:
        what = f"{of} that is {where} cannot be {_plain(change.kind)}"
    if not able:
        return Refusal("illegal_move", what)
    all_open = {status for status, _ in moves if status in OPEN} == set(able)
    when = "open" if all_open and len(able) > 1 else " or ".join(map(_plain, able))
    first = _first(record.kind, record.status, able)
    todo = f": {first} first" if first else ""
    return Refusal("illegal_move", f"{what}; that can be while it is {when}{todo}")


def _first(kind: Kind, status: Status, able: list[Status]) -> str:
    """What leads from ``status`` to one of ``able`` in one step; empty where no act that anybody may choose does."""
    steps = (event for (before, event), to in MOVES[kind].items() if before is status and to in able)
    return " or ".join(dict.fromkeys(_LEADS[event] for event in steps if event in _LEADS))


def _plain(word: str) -> str:
    return word.replace("_", " ")


#: What leads to another status, as it is asked for.
_LEADS: Final = {
    "dispatched": "dispatch it", "acknowledged": "acknowledge it", "handed_back": "hand it back",
    "resumed": "resume it", "completed": "complete it", "verified": "verify it", "sent_back": "send it back",
    "struck_off": "strike it off", "reopened": "reopen it", "awarded": "fix its amount",
}  # fmt: skip

#: The events that "cannot be" does not fit before, and what is said of them instead.
_NOT_PASSIVE: Final = {
    "planned": "no plan can be filed", "plan_proposed": "no change of the plan can be proposed",
    "plan_refused": "no change of the plan can be refused", "milestone_reached": "no milestone can be reached",
    "progressed": "no progress can be reported", "part_finished": "no part can be finished",
    "extension_asked": "no extension can be asked for", "extension_denied": "no extension can be denied",
    "attached": "no report can be attached", "replied": "no reply can be recorded",
    "sign_seen": "no sign can be seen",
    "step_taken": "no step can be taken", "step_waived": "no step can be waived",
    "justification_filed": "no reason for being late can be filed",
    "justification_accepted": "no reason for being late can be accepted",
    "justification_refused": "no reason for being late can be refused",
    "looked_back": "no look back can be recorded", "rebounded": "no rebound can be recorded",
    "appealed": "no appeal can be filed", "appeal_upheld": "no appeal can be upheld",
    "appeal_dismissed": "no appeal can be dismissed", "exited": "no early exit can be recorded",
    "expired": "no term can expire",
}  # fmt: skip
