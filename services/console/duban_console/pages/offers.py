"""What somebody may do to a record now: by the table of access, by the legal moves, and by whom the pack names. Pure.

What is offered may still be refused: the router has the last word, and a race may be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from duban.messages.records import AnyRecord, Listing, Problem
from duban.moves import MOVES
from duban.policy import Rules
from duban.policy.model.ladder import HANDLERS
from duban.policy.model.lifecycle import GateCheck
from duban.policy.scope import is_for
from duban_console.accounts.access import appointments_for
from duban_console.accounts.session import Principal, Scope
from duban_console.action import ACTIONS

#: What may come of each action: it is open to a record whose status may bear one of these.
LEADS_TO: Final[dict[str, tuple[str, ...]]] = {
    "reject": ("rejected",), "dispatch": ("dispatched",), "classify": ("classified",),
    "acknowledge": ("acknowledged",), "hand_back": ("handed_back",), "plan": ("planned",),
    "decide_plan": ("plan_refused",), "reach_milestone": ("milestone_reached",), "review": ("reviewed",),
    "progress": ("progressed",), "finish_part": ("part_finished",), "ask_extension": ("extension_asked",),
    "decide_extension": ("extended", "extension_denied"), "defer": ("deferred",), "justify": ("justification_filed",),
    "decide_justification": ("justification_accepted", "justification_refused"), "pause": ("paused",),
    "resume": ("resumed",), "flag": ("flagged",), "unflag": ("unflagged",), "sponsor": ("sponsored",),
    "refer": ("referred",), "receive": ("received",), "complete": ("completed",),
    "verify": ("verified", "sent_back"), "check": ("checked",), "strike_off": ("struck_off",), "reply": ("replied",),
    "rate": ("rated",), "look_back": ("looked_back",), "reopen": ("reopened",), "take_step": ("step_taken",),
    "waive_step": ("step_waived",), "approve": ("approved",), "withhold": ("withheld",), "pass_on": ("passed_on",),
    "appeal": ("appealed",), "decide_appeal": ("appeal_upheld", "appeal_dismissed"), "take_off_list": ("exited",),
    "award": ("awarded",), "decline": ("declined",), "collect": ("collected",),
}  # fmt: skip

#: Which units the router takes each action from, towards the record; where none stands, the pack says which.
FOR: Final[dict[str, frozenset[str]]] = {
    **dict.fromkeys(
        ("acknowledge", "hand_back", "plan", "reach_milestone", "ask_extension", "complete", "take_off_list", "award",
         "decline"),
        frozenset({"lead"}),
    ),
    **dict.fromkeys(
        ("decide_plan", "review", "pause", "resume", "flag", "unflag", "sponsor", "verify", "strike_off", "reopen",
         "rate"),
        frozenset({"office"}),
    ),
    **dict.fromkeys(("reject", "dispatch", "classify"), frozenset({"office", "desk"})),
    **dict.fromkeys(("refer", "pass_on"), frozenset({"office", "lead"})),
    "progress": frozenset({"lead", "co"}),
    "finish_part": frozenset({"co"}),
    "decide_extension": frozenset({"decider"}),
    "decide_justification": frozenset({"acceptor"}),
    "justify": frozenset({"owner"}),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Offer:
    """An action that is open, and the units for which somebody may do it; ``step`` is which, of the pack's own."""

    action: str
    units: tuple[str, ...]
    step: str = ""

    @property
    def key(self) -> str:
        """By what it is told apart from the others on a page."""
        return f"{self.action}.{self.step}" if self.step else self.action


def offers(principal: Principal, record: AnyRecord, rules: Rules) -> list[Offer]:
    """What ``principal`` may do to ``record``, in the order in which it is mostly done."""
    if principal.scope is not Scope.ACT:
        return []
    moves = MOVES[record.kind]
    open_now = [offer for action in ACTIONS if any((record.status, event) in moves for event in LEADS_TO[action])
             for offer in _offers(action, principal, record, rules)]  # fmt: skip
    return sorted(open_now, key=lambda offer: _ORDER.get(offer.action, len(_ORDER)))


#: What moves a record on comes before what only goes with it.
IN_ORDER: Final = (
    "acknowledge", "dispatch", "resume", "approve", "withhold", "decide_extension", "decide_plan",
    "decide_justification", "decide_appeal", "verify", "check", "strike_off", "look_back", "award", "collect",
    "progress", "finish_part", "reach_milestone", "complete", "plan", "receive", "reply", "take_step",
    "ask_extension", "justify", "defer", "hand_back", "classify", "reject",
)  # fmt: skip
_ORDER: Final = {action: at for at, action in enumerate(IN_ORDER)}


def _offers(action: str, principal: Principal, record: AnyRecord, rules: Rules) -> Iterable[Offer]:
    own = tuple(dict.fromkeys(each.unit for each in appointments_for(principal, action, record) if each.unit))
    if not own:
        return
    if action in ("take_step", "waive_step"):
        for step in _steps(action, record, rules):
            names = step.by if action == "take_step" else step.waived_by
            if units := _among(own, meant(names, record, rules)):
                yield Offer(action, units, step.id)
        return
    if action in _ASKED and not _ASKED[action](record, rules):
        return
    if units := _among(own, _permitted(action, record, rules)):
        yield Offer(action, units)


def _among(own: tuple[str, ...], permitted: frozenset[str] | None) -> tuple[str, ...]:
    return own if permitted is None else tuple(unit for unit in own if unit in permitted)


def _permitted(action: str, record: AnyRecord, rules: Rules) -> frozenset[str] | None:
    """The units from which the router takes ``action``; None where that cannot be told beforehand."""
    if action in FOR:
        units = {unit for role in FOR[action] for unit in _in_role(role, record, rules)}
        return _known(units | _owing(action, record, rules))
    named = _NAMED.get(action)
    return None if named is None else _known(named(record, rules))


def _known(units: Iterable[str | None]) -> frozenset[str]:
    return frozenset(unit for unit in units if unit is not None)


def _in_role(role: str, record: AnyRecord, rules: Rules) -> Iterable[str | None]:  # noqa: PLR0911 one line a role
    match role:
        case "lead":
            return (record.holder,)
        case "co":
            return record.co_units if isinstance(record, Problem) else ()
        case "desk":
            return (rules.pack.fallback.unit,)
        case "owner":
            return (*(deadline.owner for deadline in record.deadlines), *(each.unit for each in record.justifications))
        case "decider":
            rule: Any = rules.pack.extension
            return rules.decided_by(record, rule.decided_by) if rule is not None else (rules.pack.office,)
        case "acceptor":
            rule = rules.pack.justification
            return rules.decided_by(record, rule.accepted_by) if rule is not None else (rules.pack.office,)
        case _:
            return (rules.pack.office,)


def _owing(action: str, record: AnyRecord, rules: Rules) -> set[str | None]:
    """The units that owe something which ``action`` would meet, as the pack says in so many words."""
    if not isinstance(record, Problem):
        return set()
    events = LEADS_TO[action]
    return {
        deadline.owner
        for deadline in record.deadlines
        if (obligation := rules.obligations.get(deadline.obligation)) is not None
        and obligation.owner not in HANDLERS
        and any(occasion.event in events for occasion in obligation.met_by)
    }


def meant(names: Iterable[str], record: AnyRecord, rules: Rules) -> frozenset[str]:
    """The units that ``names`` mean in a pack: units, roles of units, and what a unit may be to the record."""
    problem = record if isinstance(record, Problem) else None
    relative: dict[str, Iterable[str | None]] = {
        "@lead": (record.holder,),
        "@co": problem.co_units if problem else (),
        "@referred": problem.referrals if problem else (),
        "@sponsor": (problem.sponsor if problem else None,),
    }
    units: set[str | None] = set()
    for name in names:
        if not name.startswith("@"):
            units |= {name, *rules.with_role.get(name, ())}
        else:
            units |= set(relative[name] if name in relative else (rules.unit_of(record, name),))
    return _known(units)


def _steps(action: str, record: AnyRecord, rules: Rules) -> Iterable[Any]:
    if not isinstance(record, Problem):
        return
    for step in rules.pack.steps:
        is_done = step.id in record.steps_taken or (action == "waive_step" and step.id in record.steps_waived)
        is_now = action == "waive_step" or record.status in step.taken_in
        if is_now and is_for(step, record.category, record.matter) and (step.again or not is_done):
            yield step


def checks(record: AnyRecord, rules: Rules) -> list[GateCheck]:
    """The checks of the gate that hold for ``record``, and that nobody has signed yet."""
    if not isinstance(record, Problem):
        return []
    return [check for check in rules.checks_of(record) if check.id not in record.checks]


def extensible(record: AnyRecord, rules: Rules) -> list[str]:
    """The obligations that run in ``record``, and for which the pack grants more time."""
    rule = rules.pack.extension
    running = dict.fromkeys(deadline.obligation for deadline in record.deadlines)
    return [obligation for obligation in running if rule is not None and obligation in rule.obligations]


def _unreceived(record: AnyRecord) -> list[str]:
    referrals = record.referrals if isinstance(record, Problem) else {}
    return [unit for unit, referral in referrals.items() if referral.received is None]


def _repliers(record: AnyRecord, rules: Rules) -> Iterable[str | None]:
    if not any(rule.by for rule in rules.pack.replies):
        return (record.holder, rules.pack.office, *(deadline.owner for deadline in record.deadlines))
    names = {name for rule in rules.pack.replies for name in (rule.by or ("@lead", "@office"))}
    return meant(names, record, rules) | {deadline.owner for deadline in record.deadlines if deadline.owner}


def _approvers(record: AnyRecord, rules: Rules) -> Iterable[str | None]:
    measures = (rules.measures.get(waiting.measure) for waiting in record.awaiting_approval.values())
    return [rules.approver(measure, record) for measure in measures if measure is not None]


def _of_list(record: AnyRecord, rules: Rules) -> tuple[str | None, str | None]:
    """The keeper of the list of an entry, and who decides appeals."""
    rule = rules.lists.get(record.list) if isinstance(record, Listing) else None
    return (rule.keeper, rule.appeal.to if rule.appeal else None) if rule is not None else (None, None)


_NAMED: Final[dict[str, Callable[[Any, Rules], Iterable[str | None]]]] = {
    "reply": _repliers,
    "receive": lambda record, rules: _unreceived(record),
    "check": lambda record, rules: [
        unit for check in checks(record, rules) for unit in meant(check.by, record, rules)
        if unit not in (record.lead_unit, *record.co_units)
    ],
    "look_back": lambda record, rules: [
        unit for unit in meant(rules.pack.look_back.by if rules.pack.look_back else (), record, rules)
        if unit not in (record.lead_unit, *record.co_units)
    ],
    "approve": _approvers,
    "withhold": _approvers,
    "appeal": _of_list,
    "decide_appeal": lambda record, rules: _of_list(record, rules)[1:],
    "collect": lambda record, rules: [rules.rewards[record.reward].pays] if record.reward in rules.rewards else [],
    "defer": lambda record, rules: (rules.pack.office, *(deadline.owner for deadline in record.deadlines)),
}  # fmt: skip


def _is_of(record: AnyRecord, name: str) -> bool:
    return bool(getattr(record, name, None))


#: What must stand in the record, or in the pack, for an action to have anything to act on.
_ASKED: Final[dict[str, Callable[[Any, Rules], bool]]] = {
    "decide_plan": lambda record, rules: _is_of(record, "proposed_plan"),
    "decide_extension": lambda record, rules: _is_of(record, "extension_asked"),
    "ask_extension": lambda record, rules: not _is_of(record, "extension_asked") and bool(extensible(record, rules)),
    "reach_milestone": lambda record, rules: record.plan is not None
    and record.milestones_reached < len(record.plan.milestones),
    "justify": lambda record, rules: rules.pack.justification is not None and bool(record.deadlines),
    "decide_justification": lambda record, rules: any(each.accepted is None for each in record.justifications),
    "defer": lambda record, rules: any(
        (obligation := rules.obligations.get(deadline.obligation)) is not None
        and obligation.otherwise is not None and obligation.otherwise.deferred
        for deadline in record.deadlines
    ),
    "pause": lambda record, rules: rules.pack.pause is not None,
    "flag": lambda record, rules: any(flag not in record.flags for flag in rules.flags),
    "unflag": lambda record, rules: bool(record.flags),
    "receive": lambda record, rules: bool(_unreceived(record)),
    "check": lambda record, rules: bool(checks(record, rules)),
    "reply": lambda record, rules: record.unanswered > 0 or bool(rules.pack.replies),
    "look_back": lambda record, rules: rules.pack.look_back is not None,
    "approve": lambda record, rules: bool(record.awaiting_approval),
    "withhold": lambda record, rules: bool(record.awaiting_approval),
    "pass_on": lambda record, rules: bool(rules.pack.platforms),
    "appeal": lambda record, rules: _of_list(record, rules)[1] is not None,
    "finish_part": lambda record, rules: any(unit not in record.parts_finished for unit in record.co_units),
}  # fmt: skip
