"""A diagram as SVG: told apart by hatching as well as by colour, with its figures written in; no script, no style."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import accumulate
from typing import Final

from duban_console.assessment.diagrams import Diagram, DiagramRow, Shape
from duban_console.assessment.words import breadth

#: Colours that people tell apart who do not see all of them (Okabe and Ito 2008), and a hatching of its own for each.
_COLOURS: Final = {
    "red": "#d55e00", "yellow": "#f0e442", "green": "#009e73", "none": "#bbbbbb",
    "find": "#56b4e9", "respond": "#0072b2", "resolve": "#cc79a7",
}  # fmt: skip
_HATCHINGS: Final = (
    "", '<path d="M0 6L6 0" stroke="#222" stroke-width="1"/>', '<circle cx="3" cy="3" r="1" fill="#222"/>',
    '<path d="M0 3H6" stroke="#222" stroke-width="0.7"/>',
)  # fmt: skip
_WIDTH: Final = 760
_HEAD: Final = 56  #: title and legend
_STACKS_HEIGHT: Final = 220
_BAR: Final = 15
_LABELS: Final = 170
_LETTER: Final = 6.5  #: about how wide a letter is


def drawn(diagram: Diagram) -> str:
    """The diagram as one ``svg`` element, which a page or a document takes up as it is."""
    parts, height = _stacks(diagram) if diagram.shape is Shape.STACKS else _bars(diagram)
    named = f"{diagram.title} ({diagram.measured_in})"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-labelledby="diagram-{diagram.id}" font-family="sans-serif" font-size="12">'
        f'<title id="diagram-{diagram.id}">{escape(named)}</title>'
    )
    return "".join((head, *_definitions(diagram), *_legend(diagram), *parts, "</svg>"))


def _definitions(diagram: Diagram) -> Iterator[str]:
    yield "<defs>"
    for at, row in enumerate(diagram.rows):
        yield (
            f'<pattern id="{diagram.id}-{row.id}" width="6" height="6" patternUnits="userSpaceOnUse">'
            f'<rect width="6" height="6" fill="{_COLOURS[row.id]}"/>{_HATCHINGS[at % len(_HATCHINGS)]}</pattern>'
        )
    yield "</defs>"


def _legend(diagram: Diagram) -> Iterator[str]:
    yield _text(0, 16, f"{diagram.title} ({diagram.measured_in})", size=15)
    left = 0.0
    for row in diagram.rows:
        yield _box(diagram, row, left, 28, 14, 14)
        yield _text(left + 20, 40, row.title)
        left += 36 + _LETTER * breadth(row.title)


def _stacks(diagram: Diagram) -> tuple[list[str], int]:
    sums = [sum(values[at] or 0 for values in _values(diagram)) for at in range(len(diagram.labels))]
    scale = _STACKS_HEIGHT / max([1, *sums])
    step = _WIDTH / max(1, len(diagram.labels))
    floor = _HEAD + 20 + _STACKS_HEIGHT
    parts = [_line(0, floor, _WIDTH, floor)]
    sparse = 1 + len(diagram.labels) // 11  # so many columns share one label
    for at, label in enumerate(diagram.labels):
        left, width = at * step + step * 0.15, step * 0.7
        heights = [(values[at] or 0) * scale for values in _values(diagram)]
        for row, height, below in zip(diagram.rows, heights, accumulate(heights, initial=0), strict=False):
            if height:
                parts.append(_box(diagram, row, left, floor - below - height, width, height))
            if height >= _BAR and width >= 16:
                parts.append(_figure(left + width / 2, floor - below - height / 2 + 4, row.values[at]))
        parts.append(_text(left + width / 2, floor - sum(heights) - 5, _number(sums[at]), anchor="middle"))
        if at % sparse == 0:
            parts.append(_text(left + width / 2, floor + 16, label, anchor="middle"))
    return parts, floor + 24


def _bars(diagram: Diagram) -> tuple[list[str], int]:
    most = max((value for values in _values(diagram) for value in values if value is not None), default=0)
    scale = (_WIDTH - _LABELS - 60) / (most or 1)
    parts, top = [], _HEAD + 8
    for at, label in enumerate(diagram.labels):
        parts.append(_text(_LABELS - 8, top + _BAR * len(diagram.rows) / 2 + 4, label, anchor="end"))
        for row in diagram.rows:
            value = row.values[at]
            width = (value or 0) * scale
            if value is not None:
                parts.append(_box(diagram, row, _LABELS, top + 1, max(width, 1), _BAR - 3))
            parts.append(_text(_LABELS + width + 5, top + _BAR - 4, "–" if value is None else _number(value)))
            top += _BAR
        top += 8
    parts.append(_line(_LABELS, _HEAD, _LABELS, top))
    return parts, top + 4


def _values(diagram: Diagram) -> Iterator[tuple[float | None, ...]]:
    return (row.values for row in diagram.rows)


def _box(diagram: Diagram, row: DiagramRow, left: float, top: float, width: float, height: float) -> str:
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'fill="url(#{diagram.id}-{row.id})" stroke="#222" stroke-width="0.6"/>'
    )


def _figure(left: float, top: float, value: float | None) -> str:
    """A figure on a hatched ground, which a white rim keeps legible."""
    return (
        f'<text x="{left:.1f}" y="{top:.1f}" text-anchor="middle" stroke="#fff" stroke-width="3" paint-order="stroke" '
        f'fill="#111">{_number(value or 0)}</text>'
    )


def _text(left: float, top: float, text: str, *, anchor: str = "start", size: int = 12) -> str:
    place = f'x="{left:.1f}" y="{top:.1f}" text-anchor="{anchor}" font-size="{size}"'
    return f'<text {place} fill="currentColor">{escape(text)}</text>'


def _line(left: float, top: float, right: float, bottom: float) -> str:
    return f'<line x1="{left}" y1="{top}" x2="{right}" y2="{bottom}" stroke="currentColor"/>'


def _number(value: float) -> str:
    return f"{value:g}"
