"""Who may send a command, and how a refusal says it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final, Literal, TypeAlias, assert_never

from duban.deadlines import owed
from duban.messages import commands as do
from duban.messages.records import AnyRecord, Problem
from duban.policy.model.ladder import HANDLERS
from duban.policy.rules import Rules
from duban.refusal import Refusal
from duban_router.domain.refusal import not_permitted

Role: TypeAlias = Literal["anyone", "acceptor", "co", "decider", "desk", "engine", "lead", "office", "owner"]

_OFFICE: Final[frozenset[Role]] = frozenset({"office"})
_LEAD: Final[frozenset[Role]] = frozenset({"lead"})
_ENGINE: Final[frozenset[Role]] = frozenset({"engine"})
#: Where the pack itself says who: the command is decided by its rule.
_ANYONE: Final[frozenset[Role]] = frozenset({"anyone"})

#: Who may send a command: units in one of these roles towards the record.
PERMITTED: Final[dict[type[do.Command], frozenset[Role]]] = {
    do.Register: _ENGINE,
    do.Attach: _ENGINE,
    do.Open: _ENGINE,
    do.Escalate: _ENGINE,
    do.Reject: frozenset({"office", "desk"}),
    do.Dispatch: frozenset({"office", "desk"}),
    do.Classify: frozenset({"office", "desk"}),
    do.Acknowledge: _LEAD,
    do.HandBack: _LEAD,
    do.Plan: _LEAD,
    do.ReachMilestone: _LEAD,
    do.AskExtension: _LEAD,
    do.Complete: _LEAD,
    do.Progress: frozenset({"lead", "co"}),
    do.FinishPart: frozenset({"co"}),
    do.DecidePlan: _OFFICE,
    do.DecideExtension: frozenset({"decider"}),
    do.Justify: frozenset({"owner"}),
    do.DecideJustification: frozenset({"acceptor"}),
    do.Defer: _ANYONE,
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
    do.Reply: _ANYONE,
    do.Rate: frozenset({"office", "engine"}),
    do.Recompute: frozenset({"engine", "office"}),
    do.Receive: _ANYONE,
    do.Check: _ANYONE,
    do.LookBack: _ANYONE,
    do.TakeStep: _ANYONE,
    do.WaiveStep: _ANYONE,
    do.Approve: _ANYONE,
    do.Withhold: _ANYONE,
    do.PassOn: frozenset({"engine", "lead", "office"}),
    do.Pledge: _ANYONE,
    do.PutOnList: _ANYONE,
    do.Appeal: _ANYONE,
    do.DecideAppeal: _ANYONE,
    do.TakeOffList: _LEAD,
    do.TakeReading: _ANYONE,
    do.Reward: _ENGINE,
    do.Award: _LEAD,
    do.Decline: _LEAD,
    do.Collect: _ANYONE,
}

_IN_WORDS: Final = {
    "acceptor": "who accepts a reason for being late",
    "co": "the co-units",
    "decider": "who decides an extension",
    "desk": "the fallback desk",
    "engine": "the services themselves",
    "lead": "the lead unit",
    "office": "the office",
    "owner": "who owes it",
    "referred": "the bodies that it was referred to",
    "sponsor": "the sponsor",
    "territorial": "the unit of the area",
}


def unpermitted(record: AnyRecord | None, command: do.Command, rules: Rules) -> Refusal | None:
    """Why the unit may not send ``command``: it has none of the roles that may, which the reason names.

    Whoever owes what the command would meet may send it too.
    """
    roles = PERMITTED[type(command)]
    if roles is _ANYONE:
        return None
    unit = command.actor.unit
    for role in roles:
        if unit in _units(role, record, rules):
            return None
    if owes(record, command, rules):
        return None
    return not_permitted(unit, *(named(_IN_WORDS[role], *_units(role, record, rules)) for role in sorted(roles)))


#: By which of :data:`BY_OWNER` a command meets what its sender owes, and the field that says what the event is of.
MEETING: Final[dict[type[do.Command], tuple[tuple[str, ...], str | None]]] = {
    do.Reject: (("rejected",), None),
    do.Dispatch: (("dispatched",), None),
    do.Classify: (("classified",), None),
    do.DecidePlan: (("plan_refused",), None),
    do.Review: (("reviewed",), None),
    do.Resume: (("resumed",), None),
    do.Flag: (("flagged",), "flag"),
    do.Unflag: (("unflagged",), None),
    do.Sponsor: (("sponsored",), None),
    do.Refer: (("referred",), "to"),
    do.Verify: (("verified", "sent_back"), None),
    do.StrikeOff: (("struck_off",), None),
    do.Reply: (("replied",), "reply"),
    do.Rate: (("rated",), "ground"),
}


def owes(record: AnyRecord | None, command: do.Command, rules: Rules) -> bool:
    """Whether the unit owes something now that the command would meet, as the pack says in so many words."""
    if not isinstance(record, Problem) or type(command) not in MEETING:
        return False
    events, field = MEETING[type(command)]
    of = getattr(command, field) if field is not None else None
    return any(
        owing.owner == command.actor.unit
        and owing.obligation.owner not in HANDLERS
        and any(occasion.event in events and occasion.of in (None, of) for occasion in owing.obligation.met_by)
        for owing in owed(record, rules)
    )


def _units(role: Role, record: AnyRecord | None, rules: Rules) -> Collection[str]:  # noqa: PLR0911 one line a role
    """The units in ``role`` towards the record."""
    match role:
        case "lead":
            return () if record is None or record.holder is None else (record.holder,)
        case "office":
            return (rules.pack.office,)
        case "engine":
            return (do.ENGINE,)
        case "co":
            return record.co_units if isinstance(record, Problem) else ()
        case "decider":
            extension = rules.pack.extension
            return _named_by(extension.decided_by if extension else (), record, rules)
        case "acceptor":
            justification = rules.pack.justification
            return _named_by(justification.accepted_by if justification else (), record, rules)
        case "owner":
            return _owners(record)
        case "desk":
            return (rules.pack.fallback.unit,)
        case "anyone":
            raise AssertionError("anyone is let through before")
        case _:
            assert_never(role)


def _named_by(names: tuple[str, ...], record: AnyRecord | None, rules: Rules) -> tuple[str, ...]:
    """The units that decide something, as the pack names them; the office where it names none."""
    return (rules.pack.office,) if record is None or not names else rules.decided_by(record, names)


def _owners(record: AnyRecord | None) -> tuple[str, ...]:
    """The units that owe something in the record, or have said why they are late with it."""
    if record is None:
        return ()
    owing = (deadline.owner for deadline in record.deadlines if deadline.owner is not None)
    return tuple(dict.fromkeys((*owing, *(filed.unit for filed in record.justifications))))


def named(role: str, *units: str | None) -> str:
    """A role in words, with the units that hold it where they are known: ``the lead unit, ecology``."""
    known = [unit for unit in units if unit is not None]
    return f"{role}, {' and '.join(known)}" if known else role


def is_one_of(unit: str, problem: Problem, names: Iterable[str], rules: Rules) -> bool:
    """Whether ``unit`` is among ``names``: by its id, by one of its roles, or by what it is to the problem."""
    known = rules.units.get(unit)
    means = (unit, *(known.roles if known else ()))
    return any(unit in _RELATIVE[name](problem, rules) if name in _RELATIVE else name in means for name in names)


def in_words(names: Iterable[str], problem: Problem, rules: Rules) -> Iterator[str]:
    """Each of ``names`` as a reader knows it: a unit by its id, a role in words."""
    for name in names:
        if name in _RELATIVE:
            yield named(_IN_WORDS[name.removeprefix("@")], *_RELATIVE[name](problem, rules))
        else:
            yield name if name in rules.units else f"a unit of the role {name}"


#: What a unit may be to a problem, as packs write it, and which units that are.
_RELATIVE: Final[dict[str, Callable[[Problem, Rules], Collection[str]]]] = {
    "@office": lambda _, rules: (rules.pack.office,),
    "@lead": lambda problem, _: tuple(filter(None, [problem.lead_unit])),
    "@co": lambda problem, _: problem.co_units,
    "@referred": lambda problem, _: problem.referrals,
    "@sponsor": lambda problem, _: tuple(filter(None, [problem.sponsor])),
    "@territorial": lambda problem, rules: (rules.unit_of(problem, "@territorial"),),
}
