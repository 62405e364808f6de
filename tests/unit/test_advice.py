"""What breaks no law and is still said: each piece of advice from one change to a pack that draws none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from duban.calendar import Calendar
from duban.policy import PolicyPack, Rules, load_calendar, load_pack
from duban.policy.advice import Advice, advice
from duban.policy.language import Language
from duban.policy.laws import breaches

ROOT: Final = Path(__file__).parents[2]
EXAMPLE: Final = ROOT / "docs/example-pack.yaml"
NOTICE: Final = load_calendar((ROOT / "deploy/calendars/cn.yaml").read_text("utf-8"), "cn.yaml")

#: The ladder of the example.
LADDER: Final = EXAMPLE.read_text("utf-8").partition("\nladders:")[2].partition("\n\n")[0].join(["ladders:", "\n"])

CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")
#: Two words in a row: a name of the pack stands alone.
ENGLISH: Final = re.compile(r"[a-z]{2,} [a-z]{2,}")

GATE: Final = "gate: {basis: practice, blocks: [{needs: rated, says: {en: not called back}, basis: practice}]}"

#: What is changed in the example (a passage, and what stands in its place), and what must be said of it then.
SLIPS: Final[dict[str, tuple[str, str, str, str]]] = {
    "a category that no line takes": (
        "{categories: [waste], lead",
        "{categories: [waste], areas: [xiayou], lead",
        "gap",
        (
            "categories.2: no line takes waste in shangyou, old-ferry or without an area: "
            "it goes to the fallback desk, environment-office"
        ),
    ),
    "a category that no line takes from one channel": (
        "{categories: [smoke], lead",
        "{categories: [smoke], channels: [hotline], lead",
        "gap",
        "categories.1: no line takes smoke by patrol: it goes to the fallback desk, environment-office",
    ),
    "monitors that nobody watches": (
        "default_category: other\n",
        (
            "default_category: other\n"
            "detection: {rules: [{id: dust, title: {en: Dust}, factors: [PM10], span: hour, measured_in: ug/m3, "
            "when: {above: 150}, category: smoke, channel: patrol, basis: practice}]}\n"
        ),
        "monitors_unwatched",
        (
            "detection.rules: a monitor that fails raises nothing: add a rule `when` it is `silent`, or data are "
            "`flagged` or `missing`"
        ),
    ),
    "a line partly in the shadow of another": (
        "  - {categories: [smoke], lead: ecology",
        "  - {channels: [patrol], lead: ecology, basis: practice}\n  - {categories: [smoke], lead: ecology",
        "overlap",
        "responsibility_list.1: earlier lines take part of it first: responsibility_list.0 (river × patrol)",
    ),
    "areas that mean nothing": (
        'lead: "@territorial", clause: 第八条}\nalways_responsible: ["@territorial"]',
        "lead: shangyou, clause: 第八条}",
        "territory_unused",
        "areas: areas have units, but @territorial is used nowhere: no unit is given anything for its area",
    ),
    "an approval that a reminder does not wait for": (
        "    kind: reminder\n",
        "    kind: reminder\n    approval: environment-office\n",
        "approval_unheeded",
        (
            "ladders.0.levels.0.measure: a reminder waits for nobody: reminder is sent before the lapse without "
            "environment-office; take a measure without `approval`"
        ),
    ),
    "a mark that a reminder does not set": (
        "measures:\n  - id: reminder\n",
        "flags:\n  - {id: slow, title: {en: slow}, basis: practice}\nmeasures:\n  - id: reminder\n    flag: slow\n",
        "flag_unheeded",
        "ladders.0.levels.0.measure: a reminder sets no mark: reminder sets slow only from the lapse on",
    ),
    "a unit nobody refers to": (
        "\nchannels:\n",
        "  - {id: parks, title: {en: Parks}, basis: practice}\n\nchannels:\n",
        "unit_unused",
        "units.5: nothing refers to parks: it can be given no problem and told of none",
    ),
    "a unit without a liaison": (
        "    liaison: {deputy: Deputy director, staff: River section}\n",
        "",
        "no_liaison",
        "units.2: water can be given problems, but names no liaison",
    ),
    "a measure never used": (
        "\nladders:\n",
        "  - {id: exposure, kind: exposure, title: {en: Exposure}, text: late, basis: practice}\n\nladders:\n",
        "measure_unused",
        "measures.3: nothing uses the measure exposure",
    ),
    "a ladder never used": (
        "\nobligations:\n",
        "  - {id: quick, basis: practice, levels: [{measure: bulletin, to: [water]}]}\n\nobligations:\n",
        "ladder_unused",
        "ladders.1: nothing uses the ladder quick",
    ),
    "a status nobody watches": (
        "running: [verified]\n    since: [verified]",
        "running: [verifying]\n    since: [completed]",
        "status_unwatched",
        (
            "obligations: no obligation runs while a problem is verified: it may lie there for ever; "
            "add one since [verified] with a `within`, and without `met_by` and `flags`"
        ),
    ),
    "a status that nobody watches for some categories and channels": (
        "running: [verified]\n    since: [verified]",
        "running: [verified]\n    categories: [river, smoke]\n    since: [verified]",
        "status_unwatched",
        (
            "obligations: no obligation runs while a problem of waste, other is verified: it may lie there for ever; "
            "add one since [verified] with a `within`, and without `met_by` and `flags`"
        ),
    ),
    "a status that nobody watches by one channel": (
        "running: [verified]\n    since: [verified]",
        "running: [verified]\n    channels: [hotline]\n    since: [verified]",
        "status_unwatched",
        (
            "obligations: no obligation runs while a problem by patrol is verified: it may lie there for ever; "
            "add one since [verified] with a `within`, and without `met_by` and `flags`"
        ),
    ),
    "a status watched only after what need not happen": (
        "running: [verified]\n    since: [verified]",
        "running: [verified]\n    since: [rated]",
        "status_unwatched",
        (
            "obligations: what runs while a problem is verified (strike-off) need not run until it leaves "
            "that: it may lie there for ever; "
            "add one since [verified] with a `within`, and without `met_by` and `flags`"
        ),
    ),
    "a status watched only until something else happens": (
        "running: [verified]\n    since: [verified]",
        "running: [verified]\n    met_by: [rated]\n    since: [verified]",
        "status_unwatched",
        (
            "obligations: what runs while a problem is verified (strike-off) need not run until it leaves "
            "that: it may lie there for ever; "
            "add one since [verified] with a `within`, and without `met_by` and `flags`"
        ),
    ),
    "a pause that nobody watches": (
        "\nobligations:\n",
        "\npause: {grounds: [flood], at_most: 1, basis: practice}\n\nobligations:\n",
        "status_unwatched",
        (
            "obligations: no obligation runs while a problem is paused: it may lie there for ever; "
            "add one since [paused] with a `within`, and without `met_by` and `flags`"
        ),
    ),
    "work that the office handles and alone verifies": (
        "{categories: [smoke], lead: ecology",
        "{categories: [smoke], lead: environment-office",
        "verified_by_nobody",
        (
            "responsibility_list.1.lead: environment-office leads here, and who handles a problem does not verify it: "
            "nobody else verifies"
        ),
    ),
    "a check that only the handler of some may sign": (
        "\nobligations:\n",
        (
            "\ngate:\n  checks: [{id: clean, title: {en: clean}, by: [ecology], basis: practice}]\n  basis: practice\n"
            "\nobligations:\n"
        ),
        "check_unsigned",
        (
            "gate.checks.0.by: nobody may sign clean for river, smoke by responsibility_list.0, responsibility_list.1: "
            "each of ecology handles it"
        ),
    ),
    "a look-back that only the handler of some may make": (
        "\nobligations:\n",
        "\nlook_back: {by: [water], raise_by: 0, basis: practice}\n\nobligations:\n",
        "look_back_unsigned",
        "look_back.by: nobody may look back at river by responsibility_list.0: each of water handles it",
    ),
    "an obligation that closing leads past": (
        "strike_off: by_office",
        "strike_off: automatic",
        "never_runs",
        "obligations.7: never runs: automatic closing leads past verified",
    ),
    "met by what restarts the clock": (
        "met_by: [planned]",
        "met_by: [acknowledged]",
        "met_by_restarts",
        (
            "obligations.3.met_by: acknowledged sets the clock going anew, so it never meets the obligation: "
            "name it in one place"
        ),
    ),
    "another obligation that closing leads past": (
        "closing: {verify: true, strike_off: by_office",
        "closing: {verify: false, strike_off: automatic",
        "never_runs",
        "obligations.6: never runs: automatic closing leads past verifying",
    ),
    "what is verified where nothing is": (
        "closing: {verify: true, strike_off: by_office",
        f"{GATE}\nclosing: {{verify: false, strike_off: automatic",
        "never_runs",
        (
            "obligations.7: never runs: nothing is verified under this closing: "
            "what is completed is verifying until it is struck off"
        ),
    ),
    "an owner who may do nothing of what meets it": (
        'owner: "@lead"\n    running: [underway]\n    since: [acknowledged]\n    within: {working_days: 3}',
        "owner: ecology\n    running: [underway]\n    since: [acknowledged]\n    within: {working_days: 3}",
        "owner_cannot_meet",
        "obligations.3.met_by: ecology owes it, and may do nothing of what meets it: planned",
    ),
    "levels that an earlier level cuts off": (
        "met_by: [planned]",
        "met_by: [planned, escalated]",
        "level_unreachable",
        (
            "obligations.3.ladder: the levels after bulletin never come: "
            "taking it meets the obligation or restarts its clock"
        ),
    ),
    "a ladder that only marks climb": (
        LADDER,
        "flags: [{id: grave, title: {en: grave}, basis: practice}]\n" + LADDER.replace("to:", "flags: [grave], to:"),
        "lapse_without_measure",
        (
            "ladders.0.levels: every level from the lapse on asks for a mark: "
            "what a problem without a mark lets lapse has no consequence"
        ),
    ),
    "a superior where there is none": (
        "    parent: environment-office\n",
        "",
        "no_superior",
        "ladders.0.levels.2.to: tells @superior, but no unit has a parent: nobody stands above any owner",
    ),
    "a reminder before the clock starts": (
        "before: {working_hours: 2}",
        "before: {days: 100}",
        "reminder_never",
        (
            "ladders.0.levels.0.before: never comes for acknowledge: it falls before the clock even starts; "
            "a `share` fits any limit"
        ),
    ),
    "levels in the wrong order": (
        '      - {measure: interview, after: {working_days: 3}, to: ["@owner", "@superior"]}',
        (
            '      - {measure: interview, after: {working_days: 3}, to: ["@owner", "@superior"]}\n'
            '      - {measure: bulletin, after: {hours: 20}, to: ["@superior"]}'
        ),
        "levels_out_of_order",
        "ladders.0.levels.3: is due no later than the level before it, always: the two are taken together",
    ),
    "a limit longer than the overall one": (
        "within: {working_days: 3}\n    met_by",
        "within: {days: 60}\n    met_by",
        "longer_than_overall",
        "obligations.3.within: is longer than the overall limit rectify, which has lapsed by then where both hold",
    ),
    "a limit beyond the calendar": (
        "within: {working_days: 15}",
        "within: {working_days: 9999}",
        "limit_beyond_calendar",
        "obligations.2.within: ends beyond the years that the calendar covers: such a limit cannot be counted",
    ),
}


def pack_of(text: str) -> PolicyPack:
    pack = PolicyPack.model_validate(yaml.safe_load(text))
    assert list(breaches(pack)) == []
    return pack


def calendar_of(pack: PolicyPack) -> Calendar:
    return Rules.compile(pack, NOTICE).calendar


def changed(passage: str, by: str) -> PolicyPack:
    text = EXAMPLE.read_text("utf-8")
    assert passage in text
    return pack_of(text.replace(passage, by))


def said(found: list[Advice]) -> dict[str, list[str]]:
    """The warnings by their code."""
    warnings = [one for one in found if one.severity == "warning"]
    return {one.code: [f"{x.path}: {x.words}" for x in warnings if x.code == one.code] for one in warnings}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_named_with_its_place(slip: str) -> None:
    passage, by, code, words = SLIPS[slip]
    pack = changed(passage, by)
    assert words in said(advice(pack, calendar_of(pack))).get(code, [])


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_named_in_chinese_as_in_english(slip: str) -> None:
    passage, by, _, _ = SLIPS[slip]
    assert_in_both_languages(changed(passage, by))


def assert_in_both_languages(pack: PolicyPack) -> None:
    """Each piece of advice is there in both, and of English the Chinese one has only what stands in the pack."""
    calendar = calendar_of(pack)
    english, chinese = advice(pack, calendar), advice(pack, calendar, Language.ZH)
    assert [(x.code, x.path, x.severity) for x in english] == [(x.code, x.path, x.severity) for x in chinese]
    for one in chinese:
        assert CHINESE.search(one.words), one
        assert not ENGLISH.search(one.words), one


def test_the_example_of_the_guide_draws_no_warning_and_says_how_much_is_practice() -> None:
    pack = load_pack(EXAMPLE.read_text("utf-8"), EXAMPLE.name)
    found = advice(pack, calendar_of(pack))
    assert said(found) == {}
    assert ("practice", "categories", "2 of 4 rest on practice, not on a clause") in {
        (one.code, one.path, one.words) for one in found
    }


def test_warnings_come_before_notes() -> None:
    pack = changed("met_by: [planned]", "met_by: [acknowledged]")
    severities = [one.severity for one in advice(pack, calendar_of(pack))]
    assert severities == sorted(severities, reverse=True)
    assert set(severities) == {"warning", "note"}


def test_without_a_calendar_no_durations_are_compared() -> None:
    pack = changed("before: {working_hours: 2}", "before: {days: 100}")
    assert "reminder_never" in said(advice(pack, calendar_of(pack)))
    assert "reminder_never" not in said(advice(pack, None))


def test_an_exception_before_its_rule_is_only_noted() -> None:
    pack = changed(
        "  - {categories: [smoke], lead: ecology",
        "  - {categories: [smoke], channels: [patrol], lead: water, basis: practice}\n"
        "  - {categories: [smoke], lead: ecology",
    )
    [overlap] = [one for one in advice(pack, None) if one.code == "overlap"]
    assert (overlap.severity, overlap.path) == ("note", "responsibility_list.2")


def test_a_category_that_nobody_must_ever_finish_is_named() -> None:
    pack = changed(
        "since: [registered, reopened]\n    within: {working_days: 15}",
        "since: [registered, reopened]\n    categories: [river]\n    within: {working_days: 15}",
    )
    without_plan = pack.model_copy(update={"obligations": tuple(x for x in pack.obligations if x.id != "file-plan")})
    found = said(advice(without_plan, None))["category_without_limit"]
    assert [line.split(":")[0] for line in found] == ["categories.1", "categories.2", "categories.3"]


def test_limits_of_different_kinds_are_compared_on_the_calendar() -> None:
    """A working day is longer than 30 hours from some moments only, and the share of the year is told."""
    pack = changed("within: {working_days: 15}", "within: {hours: 30}")
    found = [one for one in advice(pack, calendar_of(pack)) if one.code == "longer_than_overall"]
    [line] = [one.words for one in found if one.path.startswith("obligations.0")]
    assert "of the year's moments" in line


@pytest.mark.parametrize("path", sorted((ROOT / "deploy/packs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_pack_can_be_advised_and_every_place_exists(path: Path) -> None:
    pack = load_pack(path.read_text("utf-8"), path.name)
    calendar = load_calendar((ROOT / f"deploy/calendars/{pack.time.calendar}.yaml").read_text("utf-8"), "calendar")
    for one in advice(pack, Rules.compile(pack, calendar).calendar):
        at: Any = pack
        for part in one.path.split("."):
            at = at[int(part)] if part.isdigit() else getattr(at, part)


SMALL: Final = ROOT / "tests/data/packs/small.yaml"


def advised(passage: str, by: str) -> set[tuple[str, str, str]]:
    """Code, path and severity of what is said of the small pack once a passage is replaced, and was not before."""
    text = SMALL.read_text("utf-8")
    assert passage in text
    before, after = (load_pack(one, SMALL.name) for one in (text, text.replace(passage, by)))
    return _found(after) - _found(before)


def _found(pack: PolicyPack) -> set[tuple[str, str, str]]:
    assert_in_both_languages(pack)
    return {(one.code, one.path, one.severity) for one in advice(pack, None)}


@pytest.mark.parametrize(
    ("passage", "by", "said"),
    [
        (
            "    appeal: {to: water, within: {working_days: 3}, ladder: late-report, basis: practice}\n",
            "",
            ("list_without_appeal", "lists.0", "warning"),
        ),
        ("    notice: {days: 5}\n", "", ("list_without_notice", "lists.0", "warning")),
        ("    term: {years: 2}\n", "", ("list_without_term", "lists.0", "note")),
        ("opens: blacklist, ground: repeated, ", "", ("list_by_hand", "lists.0", "note")),
        ("opens: tip, ", "", ("reward_unused", "rewards.0", "warning")),
        ("    budget: 50000\n", "", ("reward_without_budget", "rewards.0", "note")),
        (
            "    budget: 50000\n",
            "    to: worker\n    budget: 50000\n",
            ("reward_without_worker", "rewards.0", "warning"),
        ),
    ],
)
def test_what_measures_open_is_looked_at(passage: str, by: str, said: tuple[str, str, str]) -> None:
    assert advised(passage, by) == {said}


@pytest.mark.parametrize("asked", ["obligation", "trigger", "block", "clock"])
def test_a_mark_on_which_nothing_depends_is_noted(asked: str) -> None:
    """The small pack has one: ``hard``; asked for anywhere, it is one no more."""
    passage, by = {
        "obligation": ("flags: [listed]\n", "flags: [listed, hard]\n"),
        "trigger": ("on: handed_back, flags: [criminal]", "on: handed_back, flags: [criminal, hard]"),
        "block": ("  blocks:\n", "  blocks:\n    - {flag: hard, needs: planned, says: {en: Plan first}, clause: x}\n"),
        "clock": ("since: [flagged, progressed]", 'since: ["flagged:hard", progressed]'),
    }[asked]
    text = SMALL.read_text("utf-8")
    assert passage in text
    noted = ("flag_unused", "flags.0", "note")
    assert noted in _found(load_pack(text, SMALL.name))
    assert noted not in _found(load_pack(text.replace(passage, by), SMALL.name))


def test_a_list_that_burdens_no_enterprise_may_do_without_an_appeal() -> None:
    found = {(x.code, x.path): x.severity for x in advice(load_pack(SMALL.read_text("utf-8"), SMALL.name), None)}
    assert found["list_without_appeal", "lists.1"] == "note"
    assert ("list_without_appeal", "lists.0") not in found


def test_a_list_of_praise_may_do_without_an_appeal() -> None:
    """It bars from nothing, and no measure opens it: the keeper writes it."""
    text = SMALL.read_text("utf-8")
    for passage, by in (
        ("opens: blacklist, ground: repeated, ", ""),
        ("    bars: [{en: new projects}, {en: subsidies}]\n", ""),
        ("    appeal: {to: water, within: {working_days: 3}, ladder: late-report, basis: practice}\n", ""),
    ):
        assert passage in text
        text = text.replace(passage, by)
    assert ("list_without_appeal", "lists.0", "note") in _found(load_pack(text, SMALL.name))


def test_a_clock_that_one_mark_or_one_body_sets_going_does_run() -> None:
    since = load_pack(SMALL.read_text("utf-8").replace("since: [referred]", 'since: ["referred:police"]'), SMALL.name)
    marked = load_pack(
        SMALL.read_text("utf-8").replace("since: [flagged, progressed]", 'since: ["flagged:listed", progressed]'),
        SMALL.name,
    )
    for pack in (since, marked):
        assert "never_runs" not in {one.code for one in advice(pack, None)}


def test_reasons_and_the_levels_that_ask_for_them_fit_together() -> None:
    asks = EXAMPLE.read_text("utf-8").replace(
        "{measure: bulletin, to:", "{measure: bulletin, unless_justified: true, to:"
    )
    heard = '\njustification: {obligations: [acknowledge, verify], accepted_by: ["@office"], basis: practice}\n'
    plain = "ladders:\n  - {id: plain, basis: practice, levels: [{measure: bulletin, to: [water]}]}\n"
    verifying = "since: [completed]\n    within: {working_days: 3}\n    ladder: "
    text = asks.replace("ladders:\n", plain, 1).replace(f"{verifying}standard", f"{verifying}plain")
    told = said(advice(pack_of(text + heard), None))
    unheard = "rectify climbs the ladder standard, which asks for a reason, and none is heard for it"
    assert f"justification.obligations: {unheard}" in told["reason_not_heard"]
    assert not any(": acknowledge" in words for words in told["reason_not_heard"])
    nothing = "a reason for verify holds nothing: no level of the ladder plain is `unless_justified`"
    assert told["reason_holds_nothing"] == [f"justification.obligations: {nothing}"]
    assert "request_unwatched" in told
