"""Each invariant holds over a clean history, and each violation that is planted is found by just that invariant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest

from duban.moves import MOVES
from duban_checker import fold
from duban_checker.__main__ import main
from duban_checker.judgement import NEEDS, judge, laws
from duban_checker.traces import OF_PROBLEMS, Case, Row, Traces, Violation

PROBLEM = "0b0e7a52-6f1b-5e5c-8b7d-3f1c2a4d5e6f"
BEGIN_AT = datetime(2026, 11, 29, 8, tzinfo=UTC)
RUN: Row = {
    "read_at": (BEGIN_AT + timedelta(minutes=10)).isoformat(),
    "limits": {
        "acknowledge": {"since": ["dispatched"], "running": ["dispatched"], "within_s": 4.0, "levels_s": [0.0, 2.0]},
        "resolve": {
            "since": ["registered"],
            "running": ["registered", "dispatched", "underway"],
            "within_s": 6.0,
            "levels_s": [0.0],
        },
    },
    "identities": ["PLAIN-7f"],
}


def at(seconds: float) -> str:
    return (BEGIN_AT + timedelta(seconds=seconds)).isoformat()


REPORT = {"jurisdiction": "chaos", "channel": "hotline", "title": "foul water"}
ACK_1 = ["acknowledge", None, 2, 1, at(4)]
ACK_2 = ["acknowledge", None, 2, 2, at(6)]
RESOLVE = ["resolve", None, 1, 1, at(6)]


def lapse(due: list[Any]) -> Row:
    obligation, _, generation, level, due_at = due
    return {
        "kind": "escalated", "obligation": obligation, "generation": generation, "level": level, "measure": "bulletin",
        "due_at": due_at, "lapse_at": at(4), "to": ["water"], "owner": "water",
    }  # fmt: skip


#: Second, command, change, and what is due after it.
LIFE: list[tuple[float, str, Row, list[list[Any]]]] = [
    (0, "register", {"kind": "registered", "number": "C-1", "pack": "chaos@1", "category": "river",
                     "filed": {"source": "city", "id": "1", "received_at": at(0), "report": {**REPORT, "text": ""}}},
     [RESOLVE]),
    (0, "register", {"kind": "dispatched", "lead_unit": "water"}, [ACK_1, RESOLVE]),
    (4.2, "lapse-1", lapse(ACK_1), [ACK_2, RESOLVE]),
    (5, "acknowledge", {"kind": "acknowledged"}, [RESOLVE]),
    (6, "complete", {"kind": "completed", "outcome": "rectified"}, []),
    (7, "verify", {"kind": "verified"}, []),
]  # fmt: skip


def clean() -> Case:
    """A problem whose first deadline lapsed, and which was handled then; a duplicate and another body were sent too."""
    call = {"problem": PROBLEM, "kind": "report", "source": "city", "id": "1", "outcome": "ok", "report": REPORT}
    case = Case(PROBLEM)
    case.calls = [call, dict(call), {**call, "report": {**REPORT, "title": "another"}}]
    case.calls += [
        {**call, "kind": "act", "source": "people", "id": name, "report": None} for name in ("acknowledge", "complete")
    ]
    case.receipts = [{"source": "city", "id": "1", "outcome": "accepted"}]
    case.refusals = [{"digest": "d2", "code": "other_body"}]
    tell(case, LIFE)
    seconds = {name: second for second, name, *_ in reversed(LIFE)}
    for offset, name in enumerate(dict.fromkeys(name for _, name, *_ in LIFE)):
        row: Row = {
            "id": name,
            "source": "s",
            "type": f"duban.command.{name}",
            "partition": 1,
            "offset": offset,
            "at": at(seconds[name]),
        }
        case.commands.append({**row, "due": ACK_1} if name == "lapse-1" else row)
        versions = [version for version, life in enumerate(LIFE, start=1) if life[1] == name]
        case.outcomes.append({"command": name, "first_version": versions[0], "refused": None})
    posted = {
        "id": "n1",
        "recipient": "water",
        "event": "escalated",
        "obligation": "acknowledge",
        "part": None,
        "level": 1,
        "issued_at": at(4.2),
    }
    case.notices = [{**posted, "partition": 0, "offset": 0}]
    case.posts = [{**posted, "answered": 503}, {**posted, "answered": 204}]
    return case


def tell(case: Case, life: list[tuple[float, str, Row, list[list[Any]]]]) -> None:
    """Write ``life`` into the ledger, under a chain that holds, and tell it on the topic; the state follows from it."""
    head = "0" * 64
    case.events, case.told, case._bodies = [], [], None
    for version, (second, command, change, due) in enumerate(life, start=1):
        event = {"problem_id": PROBLEM, "version": version, "at": at(second), "command": command, "change": change}
        body = orjson.dumps(event).decode()
        hash_ = sha256(head.encode() + body.encode()).hexdigest()
        case.events.append({"version": version, "body": body, "hash": hash_})
        case.told.append({"version": version, "hash": hash_, "partition": 1, "offset": version, "deadlines": due})
        head = hash_
    case.anchors = [{"version": 2, "hash": case.events[1]["hash"], "where": "anchor 1"}]
    keep(case, [life[-1][3]] if life[-1][3] else [])


def keep(case: Case, deadlines: list[Any]) -> None:
    """Store the state that the history leads to, with ``deadlines`` as what is due."""
    try:
        state = fold.folded(case.bodies)
    except fold.Illegal:
        state = {"version": len(case.events), "marks": {}, "climbs": {}}
    stored = {
        **state,
        "marks": {
            name: {"at": at_, "version": version, "times": times}
            for name, (at_, version, times) in state["marks"].items()
        },
        "climbs": [
            {"obligation": name, "part": part, "generation": generation, "level": level, "lapses": lapses}
            for (name, part), (generation, level, lapses) in state.get("climbs", {}).items()
        ],
        "deadlines": deadlines,
    }
    case.records = [
        {"version": len(case.events), "head": case.events[-1]["hash"], "state": orjson.dumps(stored).decode()}
    ]


def violations(*cases: Case, run: Row = RUN) -> list[Violation]:
    applied = laws()
    return [found for case in cases for law in applied.values() for found in law(case, run)]


def test_a_clean_history_breaks_nothing() -> None:
    assert violations(clean()) == []


def changed(number: int, **change: Any) -> Callable[[Case], None]:
    """The life of the problem with one of its changes another."""

    def plant(case: Case) -> None:
        life = [*LIFE]
        second, command, what, due = life[number]
        life[number] = (change.pop("second", second), command, {**what, **change}, change.pop("due", due))
        tell(case, life)

    return plant


def _no_receipt(case: Case) -> None:
    case.receipts = []


def _no_outcome(case: Case) -> None:
    case.calls.append({**case.calls[-1], "id": "hand-back"})


def _poison_vanished(case: Case) -> None:
    case.calls.append({**case.calls[-1], "kind": "poison", "id": "p"})


def _two_receipts(case: Case) -> None:
    case.receipts *= 2


def _other_body_stands(case: Case) -> None:
    case.calls[0]["report"] = {**REPORT, "title": "the first"}
    case.refusals.append({"digest": "d3", "code": "other_body"})


def _other_body_accepted(case: Case) -> None:
    case.refusals = []


def _nobody_sent_it(case: Case) -> None:
    case.calls = [call for call in case.calls if call["kind"] != "report"]


def _refused_by_the_gateway(case: Case) -> None:
    for call in case.calls[:3]:
        call["outcome"] = "fail"


def _command_in_no_log(case: Case) -> None:
    case.commands.pop()


def _lapsed_twice(case: Case) -> None:
    tell(case, [*LIFE[:3], LIFE[2], *LIFE[3:]])


def _level_left_out(case: Case) -> None:
    due = ["acknowledge", None, 2, 2, at(6)]
    tell(
        case,
        [*LIFE[:2], (6.2, "lapse-1", lapse(due), [RESOLVE]), (6.3, *LIFE[3][1:]), (6.4, *LIFE[4][1:3], []), LIFE[5]],
    )
    case.posts[1] |= {"issued_at": at(6.2), "level": 2}
    case.commands[1] |= {"at": at(6.2), "due": due}


def _passed_over(case: Case) -> None:
    # Level 2 is sent after level 1 lapsed and before the acknowledgement, later than it is due.
    case.commands[2]["at"] = at(7)
    case.commands.insert(2, {**case.commands[1], "id": "lapse-2", "offset": 1.5, "at": at(6.5), "due": ACK_2})
    case.outcomes.append({"command": "lapse-2", "first_version": 0, "refused": "{}"})
    case.commands.sort(key=lambda row: row["offset"])


def _early(case: Case) -> None:
    changed(2, second=3.9)(case)
    case.commands[1]["at"] = at(3.9)
    case.posts[1]["issued_at"] = at(3.9)


def _other_instant(case: Case) -> None:
    case.commands[1]["at"] = at(4.1)


def _limit_cut_short(case: Case) -> None:
    changed(2, due_at=at(3.5))(case)


def _after_a_timely_action(case: Case) -> None:
    # It was acknowledged at 3.8 s, and lapsed all the same.
    tell(case, [*LIFE[:3], (3.8, *LIFE[3][1:]), *LIFE[4:]])


def _never_fired(case: Case) -> None:
    keep(case, [{"obligation": "verify", "generation": 5, "level": 1, "due_at": at(100)}])


def _forgotten(case: Case) -> None:
    # Nobody ever acted; the second level and the other obligation never lapsed, and the state knows of neither.
    tell(case, LIFE[:3])
    keep(case, [])
    case.calls = case.calls[:3]
    case.outcomes, case.commands = case.outcomes[:2], case.commands[:2]


def _lapsed_too_late(case: Case) -> None:
    # Half a minute is allowed from when it is due, or from when everything is healed.
    tell(case, [*LIFE[:2], (34.1, *LIFE[2][1:]), *[(34.2, *life[1:]) for life in LIFE[3:]]])
    case.commands[1]["at"] = at(34.1)
    case.posts[1]["issued_at"] = at(34.1)


def _never_due(case: Case) -> None:
    # The pack knows no third level.
    due = ["acknowledge", None, 2, 3, at(8)]
    life = [*LIFE[:3], (6.1, "lapse-2", lapse(ACK_2), [RESOLVE]), (8.1, "lapse-3", lapse(due), [RESOLVE])]
    tell(case, [*life, *[(8.2, *step[1:]) for step in LIFE[3:]]])
    sent = [("lapse-2", ACK_2, 6.1), ("lapse-3", due, 8.1)]
    lapsed = [{**case.commands[1], "id": name, "due": of, "at": at(second)} for name, of, second in sent]
    case.commands[2:] = [*lapsed, *case.commands[2:]]
    for offset, row in enumerate(case.commands):
        row["offset"] = offset
    case.outcomes = [{"command": row["id"], "first_version": n, "refused": None} for n, row in enumerate(case.commands)]
    case.posts += [{**case.posts[1], "level": level, "issued_at": at(at_)} for level, at_ in ((2, 6.1), (3, 8.1))]


def _versions_jump(case: Case) -> None:
    case.outcomes[-1]["first_version"], case.outcomes[-2]["first_version"] = 5, 6


def _told_in_disorder(case: Case) -> None:
    case.told[3], case.told[4] = case.told[4], case.told[3]


def _two_partitions(case: Case) -> None:
    case.commands[-1]["partition"] = 2


def _illegal(case: Case) -> None:
    tell(case, [*LIFE, (8, "verify", {"kind": "resumed"}, [])])


def _state_is_another(case: Case) -> None:
    case.records[0]["state"] = case.records[0]["state"].replace('"verified"', '"struck_off"', 1)


def _climb_forgotten(case: Case) -> None:
    state = orjson.loads(case.records[0]["state"])
    case.records[0]["state"] = orjson.dumps({**state, "climbs": []}).decode()


def _answered_too_many(case: Case) -> None:
    state = orjson.loads(case.records[0]["state"])
    case.records[0]["state"] = orjson.dumps({**state, "answered": 1}).decode()


def _no_record(case: Case) -> None:
    case.records = []
    case.receipts[0]["outcome"] = "attached"


def _rewritten(case: Case) -> None:
    case.events[5]["body"] += " "


def _head_is_another(case: Case) -> None:
    case.records[0]["head"] = "f" * 64


def _anchored_otherwise(case: Case) -> None:
    case.anchors[0]["hash"] = "f" * 64


def _anchored_what_is_gone(case: Case) -> None:
    case.anchors.append({"version": 7, "hash": "f" * 64, "where": "anchor 2"})


def _not_on_the_topic(case: Case) -> None:
    case.told.pop()


def _told_otherwise(case: Case) -> None:
    case.told.append({**case.told[2], "offset": 9, "hash": "f" * 64})


def _told_what_never_was(case: Case) -> None:
    case.told.append({**case.told[-1], "offset": 9, "version": 7})


def _not_delivered(case: Case) -> None:
    case.posts.pop()


def _no_notice(case: Case) -> None:
    case.posts, case.notices = [], []


PLANTED: list[tuple[str, Callable[[Case], None]]] = [
    ("I1", _no_receipt), ("I1", _no_outcome), ("I1", _poison_vanished),
    ("I2", _two_receipts), ("I2", _other_body_stands), ("I2", _other_body_accepted),
    ("I3", _nobody_sent_it), ("I3", _refused_by_the_gateway), ("I3", _command_in_no_log),
    ("I4", _lapsed_twice), ("I4", _level_left_out), ("I4", _passed_over),
    ("I5", _early), ("I5", _other_instant), ("I5", _limit_cut_short), ("I5", _never_due),
    ("I6", _after_a_timely_action),
    ("I7", _never_fired), ("I7", _forgotten), ("I7", _lapsed_too_late),
    ("I8", _versions_jump), ("I8", _told_in_disorder), ("I8", _two_partitions),
    ("I9", _illegal), ("I9", _state_is_another), ("I9", _climb_forgotten), ("I9", _answered_too_many),
    ("I9", _no_record),
    ("I10", _rewritten), ("I10", _head_is_another), ("I10", _anchored_otherwise),
    ("I10", _anchored_what_is_gone),
    ("I11", _not_on_the_topic), ("I11", _told_otherwise), ("I11", _told_what_never_was),
    ("I12", _not_delivered), ("I12", _no_notice),
]  # fmt: skip


@pytest.mark.parametrize(("invariant", "plant"), [pytest.param(*pair, id=pair[1].__name__[1:]) for pair in PLANTED])
def test_what_is_planted_is_found_by_its_invariant_alone(invariant: str, plant: Callable[[Case], None]) -> None:
    case = clean()
    plant(case)
    assert {found.invariant for found in violations(case)} == {invariant}


def test_a_report_that_opened_two_problems_is_found() -> None:
    other = clean()
    other.problem = "another"
    assert {found.invariant for found in violations(clean(), other)} == {"I2"}


def test_an_obligation_may_be_met_late_before_its_lapse_is_in_the_log() -> None:
    case = clean()
    life = [*LIFE[:3], (6.5, *LIFE[3][1:]), (6.5, *LIFE[4][1:]), LIFE[5]]
    tell(case, life)
    assert violations(case) == []


def test_a_command_that_was_refused_as_too_early_and_comes_again_when_due_is_not_passed_over() -> None:
    case = clean()
    case.commands[2]["at"] = at(7)
    sent = {**case.commands[1], "id": "lapse-2", "due": ACK_2}
    case.commands[2:2] = [{**sent, "offset": 1.3, "at": at(5.9)}, {**sent, "offset": 1.6, "at": at(6.5)}]
    case.outcomes.append({"command": "lapse-2", "first_version": 0, "refused": "{}"})
    assert violations(case) == []


def traces(folder: Path, *cases: Case, faults: list[Row] | None = None, leaks: list[Row] | None = None) -> Path:
    """The folder with ``cases`` as files, as they are collected."""
    folder.mkdir(exist_ok=True)
    for name in OF_PROBLEMS:
        rows = [{"problem": case.problem, **row} for case in cases for row in getattr(case, name)]
        (folder / f"{name}.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    for name, rows in (("faults", faults or []), ("leaks", leaks or [])):
        (folder / f"{name}.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    (folder / "run.json").write_bytes(orjson.dumps(RUN))
    return folder


def fault(**said: Any) -> Row:
    return {"name": "kill", "of": "service", "struck_at": at(0), "first_good_s": 3.0, "caught_up_s": 4.0, **said}


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([fault(first_good_s=None)], id="nothing good came any more"),
        pytest.param([fault(caught_up_s=None)], id="it never caught up"),
        pytest.param([fault()] * 9 + [fault(first_good_s=11.0)], id="the slowest of ten is over the bar"),
        pytest.param([fault(of="broker", first_good_s=31.0)], id="a broker has thirty seconds"),
    ],
)
def test_a_recovery_that_is_late_breaks_i13(tmp_path: Path, rows: list[Row]) -> None:
    assert set(judge(Traces(traces(tmp_path, clean(), faults=rows))).counts) == {"I13"}


def test_a_recovery_within_its_bar_breaks_nothing(tmp_path: Path) -> None:
    rows = [fault(), fault(of="broker", first_good_s=29.0), fault(of="sink", first_good_s=None)]
    judgement = judge(Traces(traces(tmp_path, clean(), faults=rows)))
    assert not judgement.counts
    assert judgement.figures["recovery_s"]["broker first_good_s"]["max"] == 29.0


def test_a_plain_identity_breaks_i14_wherever_it_stands(tmp_path: Path) -> None:
    on_topic = traces(tmp_path / "topic", clean(), leaks=[{"where": "duban.reports.v1/0/1"}])
    in_log = traces(tmp_path / "log", clean())
    (in_log / "logs").mkdir()
    (in_log / "logs" / "gateway.log").write_text("x" * (1 << 20) + " a reporter, PLAIN-7f")
    own = traces(tmp_path / "own", clean())
    (own / "calls.jsonl").write_bytes((own / "calls.jsonl").read_bytes().replace(b"foul water", b"PLAIN-7f"))
    assert [set(judge(Traces(folder)).counts) for folder in (on_topic, in_log)] == [{"I14"}, {"I14"}]
    assert "I14" not in judge(Traces(own)).counts


def test_long_evidence_is_judged_in_shares_with_the_same_verdict(tmp_path: Path) -> None:
    late = clean()
    late.problem = "late"
    keep(late, [{"obligation": "verify", "generation": 5, "level": 1, "due_at": at(100)}])
    folder = traces(tmp_path, clean(), late)
    whole = {case.problem: case for case in Traces(folder).cases()}
    shared = {case.problem: case for case in Traces(folder).cases(share=100)}
    assert {name: case.events for name, case in shared.items()} == {name: case.events for name, case in whole.items()}
    assert not list(tmp_path.glob("shares-*"))


def test_the_figures_say_how_many_lapses_there_were_and_how_sure_that_makes_us(tmp_path: Path) -> None:
    figures = judge(Traces(traces(tmp_path, clean()))).as_json()
    assert figures["operations"] == {"ok": 5, "fail": 0, "unknown": 0}
    assert (figures["lapses"], figures["bound_95"]) == (1, 3.0)
    assert figures["due_by_the_pack"] == {"n": 2, "lapsed": 1, "met_late": 1}
    assert figures["lateness_s"]["max"] == pytest.approx(0.2)
    assert (figures["notices"], figures["notices_told_again"]) == (1, 0)


def test_what_cannot_be_judged_is_named_not_passed(tmp_path: Path) -> None:
    folder = traces(tmp_path, clean())
    (folder / "posts.jsonl").unlink()
    judgement = judge(Traces(folder), without=["I13"])
    assert judgement.left_out == {"I12": "there is no posts.jsonl", "I13": "asked to leave out"}
    assert set(judgement.judged) == NEEDS.keys() - {"I12", "I13"}


def test_exit_codes_say_clean_violated_and_unreadable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = traces(tmp_path, clean())
    assert main(["judge", str(folder)]) == 0
    assert "5 operations, 0 faults, 1 lapses, 0 violations, 95 % bound 3/1 = 3.0e+00" in capsys.readouterr().out
    (folder / "leaks.jsonl").write_bytes(b'{"where": "duban.reports.v1/0/1"}\n')
    assert main(["judge", str(folder), "--json"]) == 1
    assert orjson.loads(capsys.readouterr().out)["by_invariant"] == {"I14": 1}
    (folder / "calls.jsonl").write_bytes(b'{"problem": "p", "kind": "report"}\n')
    assert main(["judge", str(folder)]) == 2
    assert "is not of its form: KeyError" in capsys.readouterr().err
    (folder / "events.jsonl").write_bytes(b"{")
    assert main(["judge", str(folder)]) == 2
    assert "events.jsonl, line 1: no JSON" in capsys.readouterr().err


def test_the_checker_and_the_engine_know_the_same_moves() -> None:
    # Written twice, so that a fault in one does not hide in the other.
    assert {
        (kind.value, before and before.value, change): after.value
        for kind, moves in MOVES.items()
        for (before, change), after in moves.items()
    } == fold.MOVES
