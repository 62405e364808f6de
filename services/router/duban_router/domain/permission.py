"""Who may send a command, and how a refusal says it. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from duban.messages import commands as do
from duban.messages.records import AnyRecord, Problem
from duban.policy.rules import Rules
from duban.refusal import Refusal
from duban_router.domain.refusal import not_permitted

_OFFICE: Final = frozenset({"office"})
_LEAD: Final = frozenset({"lead"})
_ENGINE: Final = frozenset({"engine"})
#: Where the pack itself says who: the command is decided by its rule.
_ANYONE: Final = frozenset({"anyone"})

#: Who may send a command: units in one of these roles towards the record.
PERMITTED: Final[dict[type[do.Command], frozenset[str]]] = {
    do.Register: _ENGINE,
    do.Attach: _ENGINE,
    do.Open: _ENGINE,
    do.Escalate: _ENGINE,
    do.Reject: frozenset({"office", "desk"}),
    do.Dispatch: frozenset({"office", "desk"}),
    do.Acknowledge: _LEAD,
    do.HandBack: _LEAD,
    do.Plan: _LEAD,
    do.ReachMilestone: _LEAD,
    do.AskExtension: _LEAD,
    do.Complete: _LEAD,
    do.Progress: frozenset({"lead", "co"}),
    do.FinishPart: frozenset({"co"}),
    do.DecidePlan: _OFFICE,
    do.DecideExtension: _OFFICE,
    do.Review: _OFFICE,
    do.Pause: _OFFICE,
    do.Resume: _OFFICE,
    do.Flag: _OFFICE,
    do.Unflag: _OFFICE,
    do.Sponsor: _OFFICE,
    do.Verify: _OFFICE,
    do.StrikeOff: _OFFICE,
    do.Reopen: _OFFICE,
    do.Refer: frozenset({"office", "lead"}),
    do.Reply: frozenset({"office", "lead"}),
    do.Rate: frozenset({"office", "engine"}),
    do.Recompute: frozenset({"engine", "office"}),
    do.Receive: _ANYONE,
    do.Check: _ANYONE,
    do.LookBack: _ANYONE,
    do.Approve: _ANYONE,
    do.Withhold: _ANYONE,
    do.PutOnList: _ANYONE,
    do.Appeal: _ANYONE,
    do.DecideAppeal: _ANYONE,
    do.TakeOffList: _LEAD,
    do.Reward: _ENGINE,
    do.Award: _LEAD,
    do.Decline: _LEAD,
    do.Collect: _ANYONE,
}

_IN_WORDS: Final = {
    "co": "the co-units",
    "desk": "the fallback desk",
    "engine": "the services themselves",
    "lead": "the lead unit",
    "office": "the office",
}


def unpermitted(record: AnyRecord | None, command: do.Command, rules: Rules) -> Refusal | None:
    """Why the unit may not send ``command``: it has none of the roles that may, which the reason names."""
    roles = PERMITTED[type(command)]
    if roles is _ANYONE:
        return None
    units = _units(record, rules)
    for role in roles:
        if command.actor.unit in units[role]:
            return None
    return not_permitted(command.actor.unit, *(named(_IN_WORDS[role], *units[role]) for role in sorted(roles)))


def _units(record: AnyRecord | None, rules: Rules) -> dict[str, Collection[str]]:
    """The units in each role towards the record."""
    holder = record.holder if record else None
    return {
        "co": record.co_units if isinstance(record, Problem) else (),
        "desk": (rules.pack.fallback.unit,),
        "engine": (do.ENGINE,),
        "lead": (holder,) if holder is not None else (),
        "office": (rules.pack.office,),
    }


def named(role: str, *units: str | None) -> str:
    """A role in words, with the units that hold it where they are known: ``the lead unit, ecology``."""
    known = [unit for unit in units if unit is not None]
    return f"{role}, {' and '.join(known)}" if known else role
