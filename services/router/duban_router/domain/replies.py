"""What reporters are told, by whom and how; and which reports of a problem wait for what. Pure.

Which they are is a fact that the ledger holds beside the state, which counts them: in the state they would travel with
every event, and a problem of a thousand reports would tell each of them a thousand times.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.records import Event, Problem
from duban.policy.model.lifecycle import ReplyForm, ReplyRule
from duban.policy.rules import Rules
from duban.refusal import Refusal
from duban_router.domain.permission import in_words, is_one_of, owes
from duban_router.domain.refusal import Changes, not_permitted

#: A report of a problem: the problem, and the report's source and id.
Reported: TypeAlias = tuple[UUID, str, str]


class Filing(NamedTuple):
    """A report that waits for a reply, with the version of the event that filed it."""

    problem_id: UUID
    source: str
    id: str
    version: int


class Addressee(NamedTuple):
    """What the ledger knows of the report that a reply names.

    ``waits`` for its answer; ``known`` as one of the problem's; the ``form`` that was asked for with it; and since when
    all other reports of the problem have been told the same: 0 while some have not, None where it is the only one.
    """

    waits: bool = False
    known: bool = False
    form: str | None = None
    others_since: int | None = None


NOBODY: Final = Addressee()


class Audience:
    """The reports of one problem, and what each was told last, by its history."""

    def __init__(self, history: Iterable[Event] = ()) -> None:
        self._forms: dict[tuple[str, str], str | None] = {}
        self._versions: defaultdict[str, dict[tuple[str, str], int]] = defaultdict(dict)
        for event in history:
            self.take(event)

    def take(self, event: Event) -> None:
        """What ``event`` adds: a report, or that one was told something."""
        match event.change:
            case c.Registered(filed=filed) | c.Attached(filed=filed) if filed.report.continues is None:
                self._forms[filed.source, filed.id] = filed.report.reply_form
            case c.Replied(reply=str(reply), source=source, id=id_):
                self._versions[reply][source, id_] = event.version
            case _:
                pass

    def addressee(self, command: do.Reply, *, waits: bool) -> Addressee:
        """The report that ``command`` names, and the others."""
        report, versions = (command.source, command.id), self._versions.get(command.reply or "", {})
        others = [versions.get(other, 0) for other in self._forms if other != report]
        return Addressee(waits, report in self._forms, self._forms.get(report), min(others, default=None))


class RepliesOwed:
    """The reports that wait for their answer, as far as they are ``known``, and from then on by what happens.

    ``audiences`` are all the reports of those problems in which a reply of the pack is given.
    """

    def __init__(self, known: Iterable[Filing] = (), audiences: Mapping[UUID, Audience] | None = None) -> None:
        self._versions: defaultdict[Reported, list[int]] = defaultdict(list)
        for filing in sorted(known):
            self._versions[filing[:3]].append(filing.version)
        self._audiences = {} if audiences is None else audiences

    def addressee(self, problem_id: UUID, command: do.Command) -> Addressee:
        """The report that ``command`` names, if it is a reply."""
        reported = answered(problem_id, command)
        if reported is None:
            return NOBODY
        assert isinstance(command, do.Reply)
        waits = bool(self._versions.get(reported))
        audience = self._audiences.get(problem_id)
        return Addressee(waits) if audience is None else audience.addressee(command, waits=waits)

    def take(self, event: Event) -> tuple[Filing, bool] | None:
        """The report that ``event`` has wait (True), or wait no more (False); None where it does neither."""
        if self._audiences and (audience := self._audiences.get(event.problem_id)) is not None:
            audience.take(event)
        match event.change:
            case c.Registered(filed=filed) | c.Attached(filed=filed) if filed.report.continues is None:
                filing = Filing(event.problem_id, filed.source, filed.id, event.version)
                self._versions[filing[:3]].append(filing.version)
                return filing, True
            case c.Replied(source=source, id=id_, answers=True):
                version = self._versions[event.problem_id, source, id_].pop(0)
                return Filing(event.problem_id, source, id_, version), False
            case _:
                return None


def answered(problem_id: UUID, command: do.Command) -> Reported | None:
    """The report that ``command`` answers; None where it is no reply."""
    return (problem_id, command.source, command.id) if isinstance(command, do.Reply) else None


def give(problem: Problem, command: do.Reply, rules: Rules, to: Addressee, now: datetime) -> Changes:
    """A reporter is told something, as the pack asks: by whom, in which form, signed by whom."""
    rule = rules.replies.get(command.reply or "")
    if rule is None and (command.reply is not None or rules.replies):
        return _unknown(command.reply, rules)
    if (stranger := _not_theirs(problem, command, rule.by if rule is not None else (), rules)) is not None:
        return stranger
    if not (to.known if rule is not None else to.waits):
        return _not_owed(command, rule)
    return (_ill_formed(command, rule, to, now, rules) if rule is not None else None) or [
        c.Replied(
            source=command.source,
            id=command.id,
            text=command.text,
            reply=command.reply,
            form=command.form,
            signature=command.signature,
            answers=to.waits and (rule is None or rule.answers),
            told_since=_told_since(problem, to) if rule is not None else 0,
        )
    ]


#: Who gives a reply for which the pack names nobody, beside whoever owes it.
_USUAL: Final = ("@lead", "@office")


def _not_theirs(problem: Problem, command: do.Reply, by: tuple[str, ...], rules: Rules) -> Refusal | None:
    """Why the unit may not give the reply: the pack names others, or it is none of those who usually do."""
    unit = command.actor.unit
    if is_one_of(unit, problem, by or _USUAL, rules) or (not by and owes(problem, command, rules)):
        return None
    return not_permitted(unit, *in_words(by or _USUAL, problem, rules))


def _told_since(problem: Problem, to: Addressee) -> int:
    """Since when every report has been told, once this one is."""
    return problem.version + 1 if to.others_since is None else to.others_since


def _unknown(reply: str | None, rules: Rules) -> Refusal:
    if not rules.replies:
        return Refusal("unknown_reply", f"{rules.pack.ref} names no replies: leave `reply` out")
    what = "a reply says which it is" if reply is None else f"{reply} is no reply of {rules.pack.ref}"
    return Refusal("unknown_reply", f"{what}; the replies are {', '.join(rules.replies)}")


def _not_owed(command: do.Reply, rule: ReplyRule | None) -> Refusal:
    report = f"the report {command.source} {command.id}"
    if rule is None:
        return Refusal("no_reply_owed", f"no reply is owed to {report}")
    return Refusal("unknown_report", f"{report} is none of this problem's, so nobody waits there to be told")


def _ill_formed(command: do.Reply, rule: ReplyRule, to: Addressee, now: datetime, rules: Rules) -> Refusal | None:
    """What the reply lacks of the form that the pack, or the reporter, asks for."""
    forms = {form.id: form for form in rule.forms}
    if not forms:
        return None
    if command.form not in forms:
        what = "says in which form it was given" if command.form is None else f"is not given as {command.form}"
        return Refusal("unknown_form", f"the reply {rule.id} {what}; the forms are {', '.join(forms)}")
    if to.form in forms and command.form != to.form:
        return Refusal("asked_otherwise", f"who reported {command.source} {command.id} asked to be told {to.form}")
    return _unsigned(command, forms[command.form], now, rules)


def _unsigned(command: do.Reply, form: ReplyForm, now: datetime, rules: Rules) -> Refusal | None:
    """Why the reply is not signed as its form asks."""
    if form.signed is None:
        return None
    if command.signature is None:
        return Refusal("missing_signature", f"a reply {form.id} is signed: `signature` says by whom, and when")
    signed_at = command.signature.at
    if signed_at > now:
        return Refusal("not_signed_yet", f"the reply is signed at {signed_at.isoformat()}, which is yet to come")
    day, today = (at.astimezone(rules.zone).date() for at in (signed_at, now))
    if form.signed == "same_day" and day != today:
        return Refusal("signed_another_day", f"a reply {form.id} is given on the day of its signature, {day}")
    return None
