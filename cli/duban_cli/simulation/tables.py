"""Figures and comparisons as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import tzinfo

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from duban.moves import Kind
from duban_cli.output import shown_at
from duban_cli.simulation.figures import Figures, Lapse, Punctuality
from duban_cli.simulation.replay import Comparison

_WORDS = {"lapses": "lapses now", "no_longer": "lapses no longer", "otherwise": "lapses otherwise"}


def show(figures: Figures, pack: str, console: Console) -> None:
    """What came of the reports under ``pack``."""
    found = figures.json()
    problems, refused = found["problems"], found["refused"]
    console.print(f"[bold]{escape(pack)}[/]")
    console.print(
        f"{found['reports']} reports: {_total(refused['total'], 'refused', refused['by_code'])}, "
        f"{found['attached']} attached, {_total(problems['total'], 'problems', problems['by_stage'])}"
    )
    if found["beside"]["total"]:
        console.print(f"beside them {_total(found['beside']['total'], 'records', found['beside']['by_kind'])}")
    console.print(f"{found['lapsed_problems']} problems have missed a limit")
    _refused_acts(figures, console)
    measures = [(one["obligation"], one["measure"], one["level"], one["taken"]) for one in found["measures"]]
    _print(console, _rates("obligation", figures.obligations))
    _print(console, _table(("obligation", "measure", "level", "taken"), measures, left=2))
    _print(console, _table(("measure", "notices"), found["notices"].items()))
    _print(console, _rates("unit", figures.units))


def show_comparison(found: Comparison, console: Console, zone: tzinfo | None) -> None:
    """What another pack makes of the same facts, beside what was; instants are shown in ``zone``."""
    before, after = found.before, found.after
    sides = [
        ("problems", len(before.of_kind(Kind.PROBLEM)), len(after.of_kind(Kind.PROBLEM))),
        ("problems that missed a limit", before.lapsed, after.lapsed),
        ("reports refused", "", after.refused_reports.total()),
        ("acts refused", "", len(after.refused_acts)),
    ]
    _print(console, _table(("", "before", "after"), sides))
    _print(console, _punctuality(before, after))
    changes = [
        (one.number, _WORDS[one.what], _lapses(one.before, zone), _lapses(one.after, zone)) for one in found.changes
    ]
    if changes:
        _print(console, _table(("problem", "what", "before", "after"), changes, left=4))
    else:
        console.print("\nevery problem lapses as it did")
    for (was, is_), acts in sorted(found.moved.items()):
        console.print(escape(f"{acts} acts of {was}, the lead then, are taken as acts of {is_}, the lead now"))
    _refused_acts(after, console)
    for act in after.refused_acts:
        said = f"{shown_at(act.at, zone)} {act.action} by {act.unit} on {act.problem_id}: {act.code}: {act.reason}"
        console.print(f"  {escape(said)}")


def _punctuality(before: Figures, after: Figures) -> Table:
    rows = []
    for unit in sorted({**before.units, **after.units}):
        one, other = (side.units.get(unit, Punctuality()) for side in (before, after))
        rows.append(
            (unit, _rate(one), _rate(other), one.lapsed, other.lapsed, one.handed_back, other.handed_back)
        )  # fmt: skip
    return _table(("unit", "on time", "after", "lapsed", "after", "handed back", "after"), rows)


def _rates(what: str, counted: Mapping[str, Punctuality]) -> Table:
    rows = [(name, _rate(one), one.in_time, one.lapsed, one.handed_back) for name, one in sorted(counted.items())]
    return _table((what, "on time", "in time", "lapsed", "handed back"), rows)


def _refused_acts(figures: Figures, console: Console) -> None:
    if figures.refused_acts:
        by_code = figures.json()["refused_acts"]
        console.print(f"\n{_total(len(figures.refused_acts), 'acts were refused', by_code)}")


def _total(total: int, what: str, parts: Mapping[str, int]) -> str:
    told = ", ".join(f"{count} {name}" for name, count in parts.items())
    return escape(f"{total} {what} ({told})" if told else f"{total} {what}")


def _rate(one: Punctuality) -> str:
    return "–" if one.rate is None else f"{one.rate:.1%}"


def _lapses(lapses: Iterable[Lapse], zone: tzinfo | None) -> str:
    return "; ".join(f"{one.name} {shown_at(one.at, zone)}" for one in lapses) or "–"


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
