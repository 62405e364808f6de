"""What shows only when durations are counted: on the pack's calendar, from moments all through a year."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from duban.calendar import WEEK, Calendar, Within
from duban.errors import CalendarError
from duban.moves import Occasion
from duban.policy.advice.form import Advice, Severity, Speech
from duban.policy.model.ladder import Level, Obligation
from duban.policy.model.pack import PolicyPack


class Durations:
    """Durations side by side, from moments all through a year."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        year = max(calendar.notice.years, default=2025)
        first = datetime(year, 1, 1, tzinfo=UTC)
        hours = (0, 3, 7, 11, 16, 20)  # by day and by night in every time zone
        self.moments = [first + timedelta(days=day, hours=hour) for day in range(0, 363, 3) for hour in hours]
        self._ends: dict[Within, list[datetime | None]] = {}

    def ends(self, within: Within) -> list[datetime | None]:
        """When ``within`` ends, from each moment; None beyond the calendar's years."""
        ends = self._ends.get(within)
        if ends is None:
            ends = self._ends[within] = [self._end(moment, within) for moment in self.moments]
        return ends

    def _end(self, moment: datetime, within: Within) -> datetime | None:
        try:
            return self.calendar.add(moment, within)
        except CalendarError:
            return None

    def share_longer(self, within: Within, other: Within, *, or_equal: bool = False) -> float:
        """From how many of the moments ``one`` ends after ``other``, from 0 to 1."""
        pairs = [(a, b) for a, b in zip(self.ends(within), self.ends(other), strict=True) if a and b]
        return sum(a > b or (or_equal and a == b) for a, b in pairs) / len(pairs) if pairs else 0.0

    def share_first(self, limit: Within, first: Level, then: Level) -> float:
        """From how many of the moments the reminder ``then`` is due no later than ``first``, from 0 to 1."""
        known = [(start, end) for start, end in zip(self.moments, self.ends(limit), strict=True) if end]
        late = sum(self._at(then, start, end, limit) <= self._at(first, start, end, limit) for start, end in known)
        return late / len(known) if known else 0.0

    def _at(self, level: Level, start: datetime, end: datetime, limit: Within) -> datetime:
        if level.before is not None:
            return self.calendar.subtract(end, level.before)
        return self.calendar.part_of(start, end, level.share or 0, limit)

    def share_silent(self, within: Within, before: Within) -> float:
        """From how many of the moments a reminder falls before the clock even starts, from 0 to 1."""
        known = [(start, end) for start, end in zip(self.moments, self.ends(within), strict=True) if end]
        silent = sum(self.calendar.subtract(end, before) <= start for start, end in known)
        return silent / len(known) if known else 0.0


def hours_that_ignore_the_weekend(pack: PolicyPack, times: Durations, speech: Speech) -> Iterator[Advice]:
    """Hours on days that the calendar has as weekend, and none on some that it has not."""
    notice, worked = times.calendar.notice, pack.time.hours.weekdays
    weekend = notice.weekend or ()
    off = [day for day in WEEK if day not in worked and day not in weekend]
    on = [day for day in weekend if day in worked]
    if weekend and on and off:
        worked_days, idle_days = ", ".join(on), ", ".join(off)
        words = speech.say(
            f"works on {worked_days}, the weekend of the calendar {notice.id}, and not on {idle_days}: "
            "say in `weekdays` which days are worked",
            f"{worked_days} 是日历 {notice.id} 的休息日，此处却上班，而 {idle_days} 不上班："
            "请用 `weekdays` 写明哪几天上班",
        )
        yield Advice("weekend_worked", "time.hours", words)


class TimeLimit(NamedTuple):
    """A limit that a ladder follows: whose it is, where it stands, how long, and the ladder."""

    of: str
    path: str
    within: Within
    ladder: str


def _limits(pack: PolicyPack, speech: Speech) -> Iterator[TimeLimit]:
    for i, obligation in enumerate(pack.obligations):
        path = f"obligations.{i}"
        if obligation.within is not None:
            yield TimeLimit(obligation.id, f"{path}.within", obligation.within, obligation.ladder)
        if obligation.otherwise is not None:
            whose = speech.say(f"{obligation.id}, otherwise", f"{obligation.id} 的第二时限")
            where = f"{path}.otherwise.within"
            yield TimeLimit(whose, where, obligation.otherwise.within, obligation.ladder)
    for i, duty in enumerate(pack.duties):
        if duty.within is not None:
            yield TimeLimit(duty.id, f"duties.{i}.within", duty.within, duty.ladder)
    for i, reward in enumerate(pack.rewards):
        yield TimeLimit(reward.id, f"rewards.{i}.fixed_within", reward.fixed_within, reward.ladder)
    for i, list_rule in enumerate(pack.lists):
        if list_rule.appeal is not None:
            path = f"lists.{i}.appeal.within"
            yield TimeLimit(
                speech.say(f"appeals to {list_rule.id}", f"{list_rule.id} 的申诉"),
                path,
                list_rule.appeal.within,
                list_rule.appeal.ladder,
            )


def limits_beyond_the_calendar(pack: PolicyPack, times: Durations, speech: Speech) -> Iterator[Advice]:
    for limit in _limits(pack, speech):
        if None in times.ends(limit.within):
            words = speech.say(
                "ends beyond the years that the calendar covers: such a limit cannot be counted",
                "期限届满之日超出日历所含年份，无法计算",
            )
            yield Advice("limit_beyond_calendar", limit.path, words)


def reminders_that_never_come(pack: PolicyPack, times: Durations, speech: Speech) -> Iterator[Advice]:
    ladders = {ladder.id: (index, ladder) for index, ladder in enumerate(pack.ladders)}
    for limit in _limits(pack, speech):
        at, ladder = ladders[limit.ladder]
        for j, level in enumerate(ladder.levels):
            if level.before is None:
                continue
            silent = times.share_silent(limit.within, level.before)
            path = f"ladders.{at}.levels.{j}.before"
            if silent == 1:
                words = speech.say(
                    f"never comes for {limit.of}: it falls before the clock even starts; a `share` fits any limit",
                    f"{limit.of} 永远不会有这一提醒：提醒时间早于起算时间；写 `share` 则适合任何长短的时限",
                )
                yield Advice("reminder_never", path, words)
            elif silent > 0:
                words = speech.say(
                    f"does not come for {limit.of} from {silent:.0%} of the year's moments: "
                    "it falls before the clock starts; a `share` fits any",
                    f"全年有 {silent:.0%} 的时刻起算的 {limit.of} 没有这一提醒：提醒时间早于起算时间；"
                    "写 `share` 则适合任何长短的时限",
                )
                yield Advice("reminder_sometimes", path, words, "note")


def reminders_out_of_order(pack: PolicyPack, times: Durations, speech: Speech) -> Iterator[Advice]:
    """Reminders of which one goes by a share of the limit, and that come no later than the one before them."""
    ladders = {ladder.id: (index, ladder) for index, ladder in enumerate(pack.ladders)}
    for limit in _limits(pack, speech):
        at, ladder = ladders[limit.ladder]
        for j, (first, then) in enumerate(zip(ladder.levels, ladder.levels[1:], strict=False), start=1):
            if not then.is_reminder or (first.share is None) == (then.share is None):
                continue
            share = times.share_first(limit.within, first, then)
            if share > 0:
                words = speech.say(
                    f"is due no later than the level before it for {limit.of}, {_often(share, speech)}: "
                    "the two are taken together",
                    f"就 {limit.of} 而言，{_often(share, speech)}不晚于前一级：两级同时执行",
                )
                yield Advice("levels_out_of_order", f"ladders.{at}.levels.{j}", words)


def second_limits_that_are_no_longer(pack: PolicyPack, times: Durations, speech: Speech) -> Iterator[Advice]:
    """Limits in the place of another that end no later than that would."""
    for i, obligation in enumerate(pack.obligations):
        if obligation.otherwise is None or obligation.within is None:
            continue
        share = times.share_longer(obligation.within, obligation.otherwise.within, or_equal=True)
        if share > 0:
            words = speech.say(
                f"ends no later than the limit whose place it takes, {_often(share, speech)}",
                f"{_often(share, speech)}不晚于其所代替的时限届满",
            )
            severity: Severity = "warning" if share == 1 else "note"
            yield Advice("otherwise_no_longer", f"obligations.{i}.otherwise.within", words, severity)


def levels_out_of_order(pack: PolicyPack, times: Durations, speech: Speech) -> Iterator[Advice]:
    """Levels that are due no later than the one before them, once their durations are counted on the calendar."""
    for at, ladder in enumerate(pack.ladders):
        for j, (first, then) in enumerate(zip(ladder.levels, ladder.levels[1:], strict=False), start=1):
            path = f"ladders.{at}.levels.{j}"
            share, apart = 0.0, not (first.conditional or then.conditional)  # else they may well come at once
            if first.before and then.before:
                share = times.share_longer(then.before, first.before, or_equal=apart)
            elif first.after and then.after:
                share = times.share_longer(first.after, then.after, or_equal=apart)
            if share > 0:
                words = speech.say(
                    f"is due no later than the level before it, {_often(share, speech)}: the two are taken together",
                    f"{_often(share, speech)}不晚于前一级：两级同时执行",
                )
                yield Advice("levels_out_of_order", path, words)


def limits_longer_than_the_overall_one(pack: PolicyPack, times: Durations, speech: Speech) -> Iterator[Advice]:
    for index, obligation in enumerate(pack.obligations):
        for whole in pack.obligations:
            if (
                whole is obligation
                or obligation.within is None
                or whole.within is None
                or not _contains(whole, obligation)
            ):
                continue
            share = times.share_longer(obligation.within, whole.within)
            if share > 0:
                often = "" if share == 1 else f", from {share:.0%} of the year's moments"
                words = speech.say(
                    f"is longer than the overall limit {whole.id}, which has lapsed by then where both hold{often}",
                    f"{_often(share, speech)}长于总时限 {whole.id}：两者同时适用的，届时总时限已经逾期",
                )
                severity: Severity = "warning" if share >= 0.5 else "note"
                yield Advice("longer_than_overall", f"obligations.{index}.within", words, severity)


def _often(share: float, speech: Speech) -> str:
    """From how many of the year's moments, from 0 to 1."""
    if share == 1:
        return speech.say("always", "始终")
    return speech.say(f"from {share:.0%} of the year's moments", f"全年有 {share:.0%} 的时刻起算时")


def _contains(whole: Obligation, part: Obligation) -> bool:
    """Whether ``whole`` runs all the while that ``one`` does, for the same problems, from no later a start."""
    return (
        {occasion.event for occasion in whole.since} <= {"registered", "reopened", "reported"}
        and Occasion("registered") in whole.since
        and not (whole.met_by or whole.flags or whole.rectification)
        and set(part.running) <= set(whole.running)
        and _meet(whole.categories, part.categories)
        and _meet(whole.matters, part.matters)
        and _meet(whole.channels, part.channels)
    )


def _meet(some: Collection[str], others: Collection[str]) -> bool:
    return not some or not others or not set(some).isdisjoint(others)
