"""Which bulletin is meant: one that the pack has, or the usual one of its kind. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from duban.moves import Kind
from duban.policy import PolicyPack, Rules
from duban.policy.model.assessment import Assessment, Bulletin, BulletinKind, IndicatorKind, Period
from duban.policy.model.entry import Text
from duban_console.assessment.histories import AtRest, lasting
from duban_console.assessment.periods import stretch_of

#: The records that a bulletin counts.
HANDLED: Final = (Kind.PROBLEM, Kind.DUTY)
#: What a kind is called, and how often it is compiled, where the pack is silent.
_USUAL: Final = {
    BulletinKind.BULLETIN: (
        Period.WEEKLY,
        Text(en="State of rectification, {first} to {last}", zh="整改情况通报（{first}至{last}）"),
    ),
    BulletinKind.ACCOUNT: (Period.MONTHLY, Text(en="Account, {first} to {last}", zh="交账清单（{first}至{last}）")),
    BulletinKind.EXPOSURE: (Period.MONTHLY, Text(en="Exposure, {first} to {last}", zh="曝光清单（{first}至{last}）")),
    BulletinKind.LEDGER: (
        Period.MONTHLY,
        Text(en="Ledger, {first} to {last}", zh="问题台账（{first}至{last}）"),
    ),
    BulletinKind.PROBLEMS: (Period.YEARLY, Text(en="Problems, as of {last}", zh="问题清单（截至{last}）")),
    BulletinKind.RESPONSIBILITIES: (
        Period.YEARLY,
        Text(en="Responsibilities, as of {last}", zh="责任清单（截至{last}）"),
    ),
    BulletinKind.TASKS: (Period.YEARLY, Text(en="Tasks, as of {last}", zh="任务清单（截至{last}）")),
    BulletinKind.WALL_CHART: (Period.YEARLY, Text(en="Wall chart, as of {last}", zh="整改作战图（截至{last}）")),
    BulletinKind.TARGETS: (Period.YEARLY, Text(en="Targets, as of {last}", zh="目标完成情况（截至{last}）")),
    BulletinKind.SCORES: (Period.YEARLY, Text(en="Scores, {first} to {last}", zh="考核得分（{first}至{last}）")),
}


def offered(pack: PolicyPack) -> tuple[Assessment | None, tuple[Bulletin, ...]]:
    """The assessment and the bulletins of ``pack``."""
    return pack.assessment, pack.bulletins


def chosen(pack: PolicyPack, name: str) -> Bulletin:
    """The bulletin of ``pack`` with the id ``name``, else the only one of that kind, else the usual one of that kind.

    Raises:
        LookupError: there is none, or more than one, and which there are.
    """
    assessment, bulletins = offered(pack)
    matching = [bulletin for bulletin in bulletins if bulletin.id == name] or [
        bulletin for bulletin in bulletins if bulletin.kind == name
    ]
    if len(matching) > 1:
        ids = ", ".join(bulletin.id for bulletin in matching)
        raise LookupError(f"{pack.ref} has {len(matching)} bulletins of kind {name}: {ids}")
    if matching:
        return matching[0]
    if name not in {kind.value for kind in BulletinKind}:
        known = [*(bulletin.id for bulletin in bulletins), *BulletinKind]
        raise LookupError(f"{pack.ref} has no bulletin {name}; there are {', '.join(dict.fromkeys(known))}")
    kind = BulletinKind(name)
    if kind is BulletinKind.SCORES and assessment is None:
        raise LookupError(f"{pack.ref} has no `assessment`: nothing says how units are scored")
    if kind is BulletinKind.TARGETS and not pack.targets:
        raise LookupError(f"{pack.ref} has no `targets`: there is nothing to hold readings against")
    period, title = _USUAL[kind]
    # What the pack does not provide for is shown to nobody by itself.
    return Bulletin(
        id=name, kind=kind, title=title, period=period, recipients=(pack.office,), needs_approval=True, basis="practice"
    )


def at_rest(
    offer: Bulletin, period: Period | None, until_at: datetime, rules: Rules, packs: Iterable[PolicyPack]
) -> AtRest:
    """The records without which ``offer`` is compiled, up to ``until_at``: of those of ``packs``, what was over."""
    return AtRest(stretch_of(period or offer.period, until_at, rules.zone).start_at, lasting(packs))


def needs_readings(offer: Bulletin, assessment: Assessment | None) -> bool:
    """Whether the bulletin holds targets against readings: it is of targets, or of scores to which they add."""
    if offer.kind is BulletinKind.SCORES and assessment is not None:
        return any(indicator.kind is IndicatorKind.TARGET_RATE for indicator in assessment.indicators)
    return offer.kind is BulletinKind.TARGETS
