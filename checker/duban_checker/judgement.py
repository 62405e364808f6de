"""All invariants over one folder of traces: the violations, what was looked at, and how sure that makes us."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field
from typing import Final, TypeAlias

from duban_checker import conduct, history, rulings, topics
from duban_checker import lapses as deadlines
from duban_checker.traces import Case, Row, Traces, Violation

#: Judges one problem.
Law: TypeAlias = Callable[[Case, Row], Iterator[Violation]]

#: What each invariant cannot be judged without.
NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "I1": ("calls", "receipts", "outcomes", "records"),
    "I2": ("receipts",),
    "I3": ("calls", "commands"),
    "I4": ("commands", "told"),
    "I5": ("commands",),
    "I6": ("told",),
    "I7": ("records",),
    "I8": ("commands", "outcomes", "told"),
    "I9": ("records",),
    "I10": ("records",),
    "I11": ("told",),
    "I12": ("notices", "posts"),
    "I13": ("faults",),
    "I14": ("leaks",),
}
#: Of the rule of three: what did not happen once in n trials happens, at 95 %, in less than 3/n of them.
_RULE: Final = 3.0
_MOST_SHOWN: Final = 200


def laws() -> dict[str, Law]:
    """The invariants on single problems, ready for one run."""
    return {
        "I1": rulings.lost,
        "I2": rulings.Doubled(),
        "I3": rulings.phantom,
        "I4": deadlines.repeated,
        "I5": deadlines.early,
        "I6": deadlines.after_action,
        "I7": deadlines.overdue,
        "I8": history.ordered,
        "I9": history.legal,
        "I10": history.chained,
        "I11": topics.complete,
        "I12": topics.told,
    }


@dataclass(slots=True)
class Judgement:
    """What was found: ``left_out`` says why an invariant was not judged; no more than 200 violations are kept."""

    counts: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    figures: Row = field(default_factory=dict)

    def add(self, violations: Iterator[Violation]) -> None:
        """Take in what a law found."""
        for violation in violations:
            self.counts[violation.invariant] += 1
            if len(self.violations) < _MOST_SHOWN:
                self.violations.append(violation)

    def as_json(self) -> Row:
        """The judgement as plain data."""
        return {
            "violations": sum(self.counts.values()),
            "by_invariant": dict(self.counts),
            "judged": self.judged,
            "left_out": self.left_out,
            "found": [asdict(violation) for violation in self.violations],
            **self.figures,
        }


def judge(traces: Traces, without: Collection[str] = ()) -> Judgement:
    """The judgement over ``traces``, but for the invariants ``without``."""
    judgement = Judgement()
    for invariant, needs in NEEDS.items():
        missing = [name for name in needs if name not in traces.files]
        if invariant in without:
            judgement.left_out[invariant] = "asked to leave out"
        elif missing:
            judgement.left_out[invariant] = f"there is no {missing[0]}.jsonl"
        else:
            judgement.judged.append(invariant)
    applied = [law for invariant, law in laws().items() if invariant in judgement.judged]
    tally = RunTotals()
    for case in traces.cases():
        for law in applied:
            judgement.add(law(case, traces.run))
        tally.count(case, traces.run)
    if "I13" in judgement.judged:
        judgement.add(conduct.recovered(traces))
    if "I14" in judgement.judged:
        judgement.add(conduct.leaked(traces))
    judgement.figures = tally.figures(judgement.counts)
    faults = list(traces.rows("faults"))
    judgement.figures |= {"faults": len(faults), "recovery_s": conduct.recoveries(faults)}
    return judgement


class RunTotals:
    """What was looked at, in numbers."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lateness = array("d")
        self._overtaken = array("d")

    def count(self, case: Case, run: Row) -> None:
        """Take one problem in."""
        counts = self._counts
        for call in case.calls:
            counts[f"calls {call['outcome']}"] += 1
        counts["problems"] += bool(case.records)
        counts["events"] += len(case.events)
        counts["commands"] += len(case.commands)
        counts["told again"] += len(case.told) - len({row["version"] for row in case.told})
        counts["dead letters"] += len(case.letters)
        lapsed = list(deadlines.lapses(case))
        fired = {(lapse.of, lapse.level) for lapse in lapsed}
        counts["lapses"] += len(fired)
        due = {(deadline.of, deadline.level) for deadline in deadlines.made_due(case, run)}
        counts["due by the pack"] += len(due)
        counts["due and lapsed"] += len(due & fired)
        self._lateness.extend((lapse.at - lapse.due_at).total_seconds() for lapse in lapsed)
        self._overtaken.extend(late.total_seconds() for late in deadlines.overtaken(case))
        posted, again = topics.repeats(case)
        counts["notices"] += posted
        counts["notices again"] += again

    def figures(self, violations: Counter[str]) -> Row:
        """The figures, with the bound on lapses where none of them was wrong."""
        counts, late = self._counts, sorted(self._lateness)
        wrong = sum(violations[invariant] for invariant in ("I4", "I5", "I6", "I7"))
        lapsed = counts["lapses"]
        return {
            "operations": {outcome: counts[f"calls {outcome}"] for outcome in ("ok", "fail", "unknown")},
            "problems": counts["problems"],
            "events": counts["events"],
            "commands": counts["commands"],
            "events_told_again": counts["told again"],
            "dead_letters": counts["dead letters"],
            "lapses": lapsed,
            "lapses_are": "distinct (problem, obligation, part, generation, level) among the escalated events",
            "due_by_the_pack": {
                "n": counts["due by the pack"],
                "lapsed": counts["due and lapsed"],
                "met_late": counts["due by the pack"] - counts["due and lapsed"],
            },
            "bound_95": _RULE / lapsed if lapsed and not wrong else None,
            "lateness_s": {
                "p50": conduct.percentile(late, 50),
                "p99": conduct.percentile(late, 99),
                "max": late[-1] if late else 0.0,
            },
            "overtaken": {"n": len(self._overtaken), "max_s": max(self._overtaken, default=0.0)},
            "notices": counts["notices"],
            "notices_told_again": counts["notices again"],
        }  # fmt: skip
