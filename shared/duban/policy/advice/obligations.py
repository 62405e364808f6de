"""What is owed: work without a limit, statuses nobody watches, obligations and levels that never come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from duban.moves import MOVES, Kind, Occasion, Status
from duban.policy.advice.form import Advice, Speech
from duban.policy.model.ladder import BY_OWNER, HANDLERS, Obligation
from duban.policy.model.organisation import DESK, TERRITORIAL
from duban.policy.model.pack import PolicyPack
from duban.policy.scope import is_for
from duban.policy.signers import signing

#: The life of a problem: what an obligation runs along.
_MOVES: Final = MOVES[Kind.PROBLEM]


def categories_without_a_limit(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Categories for which the work itself may take for ever."""
    limits = [obligation for obligation in pack.obligations if _limits_the_work(obligation)]
    for index, category in enumerate(pack.categories):
        unheard: dict[tuple[str, ...], list[str | None]] = {}
        for matter in pack.wants:
            missing = _unheard(category.id, matter, limits, pack)
            in_order = tuple(channel.id for channel in pack.channels if channel.id in missing)
            unheard.setdefault(in_order, []).append(matter)
        for missed, matters in unheard.items():
            if missed:
                channels = speech.some(missed)
                is_partial = len(missed) < len(pack.channels)
                what = f"{category.id}{speech.of_matters(matters, pack.wants)}"
                words = speech.say(
                    f"no obligation of the lead sets a limit to the work on {what}{f' from {channels}' * is_partial}",
                    f"{f'来自 {channels} 的 ' * is_partial}{what} 类问题，没有任何时限规定牵头单位何时办结",
                )
                yield Advice("category_without_limit", f"categories.{index}", words)


def _limits_the_work(obligation: Obligation) -> bool:
    """Whether it ends the work some day: a call for progress starts anew with each answer."""
    met_by = {occasion.event for occasion in obligation.met_by} - {"completed"}
    always = not (obligation.flags or obligation.rectification or met_by or Occasion("progressed") in obligation.since)
    return (
        always
        and obligation.within is not None
        and obligation.owner == "@lead"
        and Status.UNDERWAY in obligation.running
    )


#: The events that have happened to a problem on its usual way into a status; a later one adds to those before it.
_ON_THE_WAY: Final = (
    (Status.REGISTERED, frozenset({"registered", "dispatched", "handed_back"})),
    (Status.DISPATCHED, frozenset({"registered", "dispatched"})),
    (Status.UNDERWAY, frozenset({"registered", "dispatched", "acknowledged"})),
    (Status.PAUSED, frozenset({"registered", "dispatched", "acknowledged", "paused"})),
    (Status.VERIFYING, frozenset({"registered", "dispatched", "acknowledged", "completed"})),
    (Status.VERIFIED, frozenset({"registered", "dispatched", "acknowledged", "completed", "verified"})),
)


def statuses_nobody_watches(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Statuses in which a problem may lie for ever, because nothing is owed there, or nothing for its category."""
    passed = _passed_through(pack) | ({Status.PAUSED} if pack.pause is None else set())
    # What is met by a plan is watched on by the date in it.
    handed_on = {"planned"} if any(obligation.until for obligation in pack.obligations) else set()
    by_hand = any(line.lead == DESK for line in pack.responsibility_list)
    for status, before in _ON_THE_WAY:
        if status in passed:
            continue
        happened = before - {"dispatched", "handed_back"} if by_hand and status is Status.REGISTERED else before
        watching = [known for known in pack.obligations if _watches(known, status, happened, handed_on)]
        unwatched = {
            (category.id, matter): unheard
            for category in pack.categories
            for matter in pack.wants
            if (unheard := _unheard(category.id, matter, watching, pack))
        }
        if unwatched:
            channels = [channel.id for channel in pack.channels if any(channel.id in of for of in unwatched.values())]
            there = [known.id for known in pack.obligations if status in known.running and _hears(known, unwatched)]
            where = _where(status, channels, unwatched, pack, speech)
            words = speech.say(f"no obligation runs while {where}", f"{where}期间没有任何时限")
            if there:
                words = speech.say(
                    f"what runs while {where} ({speech.some(there)}) need not run until it leaves that",
                    f"{where}期间的时限（{speech.some(there)}）未必一直计到离开该状态",
                )
            words += speech.say(
                f": it may lie there for ever; add one since {_into(status, happened)} with a `within`, "
                "and without `met_by` and `flags`",
                f"：问题可能一直搁置；请增加一项时限，`since` 写 {_into(status, happened)}，写明 `within`，"
                "不写 `met_by` 和 `flags`",
            )
            yield Advice("status_unwatched", "obligations", words)


def _where(
    status: Status,
    channels: Sequence[str],
    kinds: Iterable[tuple[str, str | None]],
    pack: PolicyPack,
    speech: Speech,
) -> str:
    """A problem of one of ``kinds``, by one of ``channels``, in ``status``: for a sentence to go on with."""
    whose, by = _whose(kinds, pack, speech), ""
    if len(channels) < len(pack.channels):
        by = speech.say(f" by {speech.some(channels)}", f"来自 {speech.some(channels)} 的")
    return speech.say(f"a problem{whose}{by} is {status.value}", f"{by}{whose}问题处于 {status.value} 状态")


def _hears(obligation: Obligation, kinds: Mapping[tuple[str, str | None], AbstractSet[str]]) -> bool:
    """Whether it holds for problems of some of ``kinds``: a category and a matter, by each of some channels."""
    return any(
        is_for(obligation, category, matter)
        and (not obligation.channels or not channels.isdisjoint(obligation.channels))
        for (category, matter), channels in kinds.items()
    )


def _into(status: Status, happened: Iterable[str]) -> str:
    """The events that lead into ``status`` on the usual way, as a pack writes them."""
    into = {event for (before, event), to in _MOVES.items() if to is status is not before}
    return f"[{', '.join(sorted(into.intersection(happened)))}]"


#: The owners of whom there may be none: what is theirs nobody may owe.
_PERHAPS_NOBODY: Final = ("@co", "@referred")


def _watches(obligation: Obligation, status: Status, happened: frozenset[str], handed_on: set[str]) -> bool:
    """Whether it runs in ``status`` whatever else becomes of the problem, until that leaves the status."""
    return (
        status in obligation.running
        and obligation.owner not in _PERHAPS_NOBODY
        and obligation.within is not None
        and not (obligation.flags or obligation.rectification)
        and {occasion.event for occasion in obligation.met_by} <= {*handed_on, "completed"}
        and any(occasion.event in happened and occasion.of is None for occasion in obligation.since)
    )


def _whose(kinds: Iterable[tuple[str, str | None]], pack: PolicyPack, speech: Speech) -> str:
    """Of which categories, of which matters; nothing where it is all."""
    matters: dict[str, list[str | None]] = {}
    for category, matter in kinds:
        matters.setdefault(category, []).append(matter)
    first = next(iter(matters.values()))
    if len(matters) == len(pack.categories) and all(of == first for of in matters.values()):
        named = speech.of_matters(first, pack.wants)
        return speech.say(named, f"诉求类型{named}的" if named else "")
    categories = speech.some(f"{category}{speech.of_matters(of, pack.wants)}" for category, of in matters.items())
    return speech.say(f" of {categories}", f" {categories} 类")


def _unheard(category: str, matter: str | None, watching: Iterable[Obligation], pack: PolicyPack) -> set[str]:
    """The channels by which a problem of ``category`` and ``matter`` may come that none of the obligations watches."""
    mine = [obligation for obligation in watching if is_for(obligation, category, matter)]
    if any(not obligation.channels for obligation in mine):
        return set()
    return {channel.id for channel in pack.channels} - {channel for watcher in mine for channel in watcher.channels}


def obligations_that_never_run(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    passed = _passed_through(pack)
    possible = {kind for (status, kind) in _MOVES if status not in passed or kind == "struck_off"}
    for index, obligation in enumerate(pack.obligations):
        path = f"obligations.{index}"
        since = {occasion.event for occasion in obligation.since}
        lands = {end for (_, kind), end in _MOVES.items() if kind in since and kind in possible}
        if not (_reachable(lands) & (set(obligation.running) - passed)):
            skipped = speech.some(obligation.running)
            words = speech.say(
                f"never runs: {pack.closing.strike_off} closing leads past {skipped}",
                f"永远不会起算：{pack.closing.strike_off} 销号方式会越过 {skipped} 状态",
            )
            if set(obligation.running) - passed:
                begins, running = speech.some(map(str, obligation.since)), speech.some(obligation.running)
                words = speech.say(
                    f"never runs: after {begins} no problem gets to {running}",
                    f"永远不会起算：{begins} 之后没有问题会处于 {running} 状态",
                )
            elif Status.VERIFYING not in passed and not pack.closing.verify:
                words = speech.say(
                    "never runs: nothing is verified under this closing: "
                    "what is completed is verifying until it is struck off",
                    "永远不会起算：按此销号方式没有核查，办结的问题在销号之前一直处于 verifying 状态",
                )
            yield Advice("never_runs", path, words)
        for occasion in obligation.met_by:
            if occasion in obligation.since:
                words = speech.say(
                    f"{occasion} sets the clock going anew, so it never meets the obligation: name it in one place",
                    f"{occasion} 使时限重新起算，因此永远不算履行：请只写在一处",
                )
                yield Advice("met_by_restarts", f"{path}.met_by", words)
            elif occasion.event not in possible:
                words = speech.say(f"{occasion} never happens with this closing", f"按此销号方式不会发生 {occasion}")
                yield Advice("met_by_never", f"{path}.met_by", words)


def obligations_that_their_owners_cannot_meet(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """What somebody owes who may do nothing of what meets it."""
    for index, obligation in enumerate(pack.obligations):
        if not obligation.met_by or obligation.owner in HANDLERS:
            continue
        if not any(_may_bring_about(occasion, obligation, pack) for occasion in obligation.met_by):
            meeting = speech.some(map(str, obligation.met_by))
            words = speech.say(
                f"{obligation.owner} owes it, and may do nothing of what meets it: {meeting}",
                f"由 {obligation.owner} 承担，但其无权作出任何一项履行行为：{meeting}",
            )
            yield Advice("owner_cannot_meet", f"obligations.{index}.met_by", words)


def _may_bring_about(occasion: Occasion, obligation: Obligation, pack: PolicyPack) -> bool:
    """Whether who owes ``obligation`` may do what leads to ``occasion``: as its owner, or as one whom a rule names."""
    event = occasion.event
    steps = [step for step in pack.steps if occasion.of in (None, step.id)]
    named: dict[str, Sequence[str]] = {
        "checked": [signer for check in (pack.gate.checks if pack.gate else ()) for signer in check.by],
        "looked_back": pack.look_back.by if pack.look_back else (),
        "extended": pack.extension.decided_by if pack.extension else (),
        "extension_denied": pack.extension.decided_by if pack.extension else (),
        "step_taken": [name for step in steps for name in step.by],
        "step_waived": [name for step in steps for name in step.waived_by],
        "justification_accepted": pack.justification.accepted_by if pack.justification else (),
        "justification_refused": pack.justification.accepted_by if pack.justification else (),
    }
    territorial = frozenset(area.unit for area in pack.areas if area.unit is not None)
    owner = territorial if obligation.owner == TERRITORIAL else signing(pack, [obligation.owner])
    if event in named:
        return obligation.owner in named[event] or not owner.isdisjoint(signing(pack, named[event]))
    return event in (*BY_OWNER, *_BY_ANYBODY) or (event in _BY_OFFICE and pack.office in owner)


#: What may lie with whoever it is: who confirms a receipt or approves a measure is named elsewhere.
_BY_ANYBODY: Final = ("received", "approved", "withheld")
#: What the office may, and no other owner.
_BY_OFFICE: Final = ("planned", "paused", "reopened")


def _passed_through(pack: PolicyPack) -> set[Status]:
    """The statuses that the pack's closing leads past, or in the same breath."""
    unverified = set() if pack.closing.verify else {Status.VERIFIED}
    if pack.closing.strike_off != "automatic" or pack.gate is not None:
        return unverified
    return {Status.VERIFIED} if pack.closing.verify else {Status.VERIFIED, Status.VERIFYING}


def _reachable(starts: Iterable[Status]) -> set[Status]:
    reachable, ahead = set(starts), list(starts)
    while ahead:
        at = ahead.pop()
        new = {end for (start, _), end in _MOVES.items() if start is at} - reachable
        reachable |= new
        ahead += new
    return reachable


def levels_cut_off(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Levels that never come, because an earlier one meets the obligation or restarts its clock."""
    ladders = {ladder.id: ladder for ladder in pack.ladders}
    for index, obligation in enumerate(pack.obligations):
        levels = ladders[obligation.ladder].levels
        ends = {str(occasion) for occasion in (*obligation.since, *obligation.met_by)}
        cut = next(
            (at for at, level in enumerate(levels) if ("reminded" if level.is_reminder else "escalated") in ends),
            len(levels) - 1,
        )
        if cut < len(levels) - 1:
            measure = levels[cut].measure
            words = speech.say(
                f"the levels after {measure} never come: taking it meets the obligation or restarts its clock",
                f"{measure} 之后的各级永远不会执行：采取这一措施即算履行，或者使时限重新起算",
            )
            yield Advice("level_unreachable", f"obligations.{index}.ladder", words)


def ladders_that_only_marks_climb(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Ladders of which a problem without a mark, or a record that is none, is spared everything after the lapse."""
    beside = {duty.ladder for duty in pack.duties} | {reward.ladder for reward in pack.rewards}
    beside |= {rule.appeal.ladder for rule in pack.lists if rule.appeal is not None}
    climbed = beside | {obligation.ladder for obligation in pack.obligations if not obligation.flags}
    for index, ladder in enumerate(pack.ladders):
        after = [level for level in ladder.levels if not level.is_reminder]
        if ladder.id in climbed and all(level.flags for level in after):
            whose = speech.say("a problem without a mark", "不带标记的问题")
            if ladder.id in beside:
                whose = speech.say("a duty, a listing or a reward", "定期任务、清单条目或奖励")
            words = speech.say(
                f"every level from the lapse on asks for a mark: what {whose} lets lapse has no consequence",
                f"自逾期起的各级都要求带有标记：{whose}逾期的，没有任何后果",
            )
            yield Advice("lapse_without_measure", f"ladders.{index}.levels", words)


def reasons_that_meet_no_level(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Limits whose ladder asks for a reason that is not heard, and reasons that are heard and asked for by no level."""
    rule = pack.justification
    if rule is None or not rule.obligations:
        return
    asking = {ladder.id for ladder in pack.ladders if any(level.unless_justified for level in ladder.levels)}
    climbing = {obligation.id: obligation.ladder for obligation in pack.obligations}
    climbing |= {duty.id: duty.ladder for duty in pack.duties}
    for id_, ladder in climbing.items():
        if ladder in asking and id_ not in rule.obligations:
            words = speech.say(
                f"{id_} climbs the ladder {ladder}, which asks for a reason, and none is heard for it",
                f"{id_} 适用阶梯 {ladder}，该阶梯允许说明理由，而对 {id_} 的理由不予受理",
            )
            yield Advice("reason_not_heard", "justification.obligations", words)
    for id_ in rule.obligations:
        if climbing[id_] not in asking:
            words = speech.say(
                f"a reason for {id_} holds nothing: no level of the ladder {climbing[id_]} is `unless_justified`",
                f"对 {id_} 说明理由没有作用：阶梯 {climbing[id_]} 没有一级写有 `unless_justified`",
            )
            yield Advice("reason_holds_nothing", "justification.obligations", words)


def requests_that_nobody_decides(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Requests for more time, or reasons for being late, that hold a ladder, and that nobody owes an answer to."""
    answered = {occasion for obligation in pack.obligations for occasion in obligation.since}
    if pack.justification is not None and Occasion("justification_filed") not in answered:
        words = speech.say(
            "the ladder waits while a reason for being late is not decided, and nobody owes a decision: a reason left "
            "lying holds it until the next level that asks for none, or for ever where none is left; add an obligation "
            "since [justification_filed], met by [justification_accepted, justification_refused]",
            "逾期理由未认定期间升级阶梯暂停，而没有单位须作认定：理由搁置的，阶梯停到下一个不问理由的级，没有这样一级的一直停住；"
            "请增加一项时限，`since` 写 [justification_filed]，"
            "`met_by` 写 [justification_accepted, justification_refused]",
        )
        yield Advice("request_unwatched", "justification.accepted_by", words)
    if pack.extension is None or pack.extension.while_asked == "goes_on":
        return
    if Occasion("extension_asked") not in answered:
        words = speech.say(
            "the ladder waits while an extension is asked for, and nobody owes a decision: a request left lying holds "
            "it for ever; add an obligation since [extension_asked], met by [extended, extension_denied]",
            "延期申请待决期间升级阶梯暂停，而没有单位须作决定：申请搁置的，阶梯一直停住；"
            "请增加一项时限，`since` 写 [extension_asked]，`met_by` 写 [extended, extension_denied]",
        )
        yield Advice("request_unwatched", "extension.while_asked", words)


def founded_on_practice(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """How much of the pack is practice, section by section."""
    for section in type(pack).model_fields:
        value = getattr(pack, section)
        entries = [entry for entry in (value if isinstance(value, tuple) else (value,)) if hasattr(entry, "basis")]
        practice = sum(entry.basis == "practice" for entry in entries)
        if practice:
            words = speech.say(
                f"{practice} of {len(entries)} rest on practice, not on a clause",
                f"{len(entries)} 项中有 {practice} 项以惯例为依据，没有条款",
            )
            yield Advice("practice", section, words, "note")
