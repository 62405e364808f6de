"""Figures and comparisons as tables for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import tzinfo
from uuid import UUID

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from duban.moves import Kind
from duban_cli.output import shown_at, shown_until
from duban_simulation.figures import Figures, Lapse, Punctuality
from duban_simulation.replay import Comparison

_WORDS = {"lapses": "lapses now", "no_longer": "lapses no longer", "otherwise": "lapses otherwise"}


def show(figures: Figures, pack: str, console: Console, zone: tzinfo, names: Mapping[UUID, str]) -> None:
    """What came of the reports under ``pack``; instants in ``zone``, ``names``: the report of each problem."""
    counts = figures.json()
    problems, refused = counts["problems"], counts["refused"]
    console.print(f"[bold]{escape(pack)}[/]")
    console.print(
        f"{counts['reports']} reports: {_total(refused['total'], 'refused', refused['by_code'])}, "
        f"{counts['attached']} attached, {_total(problems['total'], 'problems', problems['by_stage'])}"
    )
    if counts["beside"]["total"]:
        console.print(f"beside them {_total(counts['beside']['total'], 'records', counts['beside']['by_kind'])}")
    console.print(f"{counts['lapsed_problems']} problems have missed a limit")
    if any(counts["provisional"].values()):
        console.print(
            "provisional, until the holiday notice of their year is out: "
            f"{counts['provisional']['lapses']} of the limits that were missed, "
            f"{counts['provisional']['deadlines']} of those that run"
        )
    _refused_acts(figures, console, zone, names)
    measures = [
        (measure["obligation"], measure["measure"], measure["level"], measure["taken"])
        for measure in counts["measures"]
    ]
    _print(console, _rates("obligation", figures.obligations))
    _print(console, _table(("obligation", "measure", "level", "taken"), measures, left=2))
    _print(console, _table(("measure", "notices"), counts["notices"].items()))
    _print(console, _rates("unit", figures.units))


def show_comparison(comparison: Comparison, console: Console, zone: tzinfo | None) -> None:
    """What another pack makes of the same facts, beside what was; instants are shown in ``zone``."""
    before, after = comparison.before, comparison.after
    sides = [
        ("problems", len(before.of_kind(Kind.PROBLEM)), len(after.of_kind(Kind.PROBLEM))),
        ("problems that missed a limit", before.lapsed, after.lapsed),
        ("reports refused", "", after.refused_reports.total()),
        ("acts refused", "", len(after.refused_acts)),
    ]
    _print(console, _table(("", "before", "after"), sides))
    _print(console, _punctuality(before, after))
    changes = [
        (change.number, _WORDS[change.what], _lapses(change.before, zone), _lapses(change.after, zone))
        for change in comparison.changes
    ]
    if changes:
        _print(console, _table(("problem", "what", "before", "after"), changes, left=4))
    else:
        console.print("\nevery problem lapses as it did")
    for (was, is_), acts in sorted(comparison.moved.items()):
        console.print(escape(f"{acts} acts of {was}, the lead then, are taken as acts of {is_}, the lead now"))
    _refused_acts(after, console, zone, {})


def _punctuality(before: Figures, after: Figures) -> Table:
    rows = []
    for unit in sorted({**before.units, **after.units}):
        old, new = (side.units.get(unit, Punctuality()) for side in (before, after))
        rows.append(
            (unit, _rate(old), _rate(new), old.lapsed, new.lapsed, old.handed_back, new.handed_back)
        )  # fmt: skip
    return _table(("unit", "on time", "after", "lapsed", "after", "handed back", "after"), rows)


def _rates(what: str, counted: Mapping[str, Punctuality]) -> Table:
    rows = [
        (name, _rate(punctuality), punctuality.in_time, punctuality.lapsed, punctuality.handed_back)
        for name, punctuality in sorted(counted.items())
    ]
    return _table((what, "on time", "in time", "lapsed", "handed back"), rows)


def _refused_acts(figures: Figures, console: Console, zone: tzinfo | None, names: Mapping[UUID, str]) -> None:
    acts = figures.refused_acts
    if acts:
        console.print(f"\n{_total(len(acts), 'acts were refused', Counter(act.code for act in acts))}")
    for act in acts:
        about = names.get(act.problem_id, str(act.problem_id))
        text = f"{shown_at(act.at, zone)} {act.action} by {act.unit} on {about}: {act.code}: {act.reason}"
        console.print(f"  {escape(text)}")


def _total(total: int, what: str, parts: Mapping[str, int]) -> str:
    details = ", ".join(f"{count} {name}" for name, count in parts.items())
    return escape(f"{total} {what} ({details})" if details else f"{total} {what}")


def _rate(punctuality: Punctuality) -> str:
    return "–" if punctuality.rate is None else f"{punctuality.rate:.1%}"


def _lapses(lapses: Iterable[Lapse], zone: tzinfo | None) -> str:
    named = (f"{lapse.name} {shown_until(lapse.at, zone, provisional=lapse.provisional)}" for lapse in lapses)
    return "; ".join(named) or "–"


def _table(titles: tuple[str, ...], rows: Iterable[tuple[object, ...]], left: int = 1) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for place, title in enumerate(titles):
        table.add_column(title, justify="left" if place < left else "right")
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    return table


def _print(console: Console, table: Table) -> None:
    if table.row_count:
        console.print()
        console.print(table)
