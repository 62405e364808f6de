"""The picture of docs/benchmarks.md: what a problem costs by what stands open and by its history, as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

#: The processes from the bottom of a bar to its top, with name and colour; the benchmark's own share is not in it.
_PARTS: Final = {
    "router": ("router", "#2a78d6"),
    "escalation": ("escalation", "#1baf7a"),
    "intake": ("intake", "#eda100"),
    "kafka": ("Kafka", "#8a63d2"),
    "postgres": ("PostgreSQL", "#e34948"),
}
_WIDTH, _HEIGHT = 880, 390
_TOP, _FLOOR = 84, 320
_INK, _QUIET, _RULE = "#1f2328", "#656d76", "#d8dee4"


def picture(points: Sequence[Mapping[str, Any]], histories: Sequence[tuple[int, Mapping[str, Any]]]) -> str:
    """Two panels: CPU seconds per 1,000 problems, and CPU milliseconds of a command by the length of the history."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
            *_open(points),
            *_lengths(histories),
            "</svg>\n",
        ]
    )


def _open(points: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield _text(40, 28, "CPU seconds per 1,000 problems", size=15, weight=600)
    yield from _legend(40, 52)
    bars = [
        (
            f"{_short(point['open'])} open",
            f"{point['partitions']} partitions",
            [(point["cpu_s_per_1000"][part], colour) for part, (_, colour) in _PARTS.items()],
        )
        for point in points
    ]
    yield from _bars(40, 96, bars)


def _lengths(histories: Sequence[tuple[int, Mapping[str, Any]]]) -> Iterator[str]:
    yield _text(560, 28, "Router: CPU ms of a command", size=15, weight=600)
    yield _text(560, 52, "by the events that its problem had before", fill=_QUIET)
    kinds = {"further": ("further", "#2a78d6"), "again": ("again", "#86b6ef")}
    bars = [
        (name, f"{length:,} events" if kind == "further" else "", [(at[kind]["cpu_s_per_1000"]["router"], colour)])
        for length, at in histories
        for kind, (name, colour) in kinds.items()
    ]
    yield from _bars(560, 50, bars)


def _bars(left: int, step: int, bars: Sequence[tuple[str, str, Sequence[tuple[float, str]]]]) -> Iterator[str]:
    most = max(sum(height for height, _ in parts) for _, _, parts in bars)
    width = min(56, step - 14)
    yield f'<line x1="{left}" x2="{left + step * len(bars)}" y1="{_FLOOR}" y2="{_FLOOR}" stroke="{_RULE}"/>'
    for place, (name, below, parts) in enumerate(bars):
        x, y = left + place * step + (step - width) / 2, float(_FLOOR)
        for value, colour in parts:
            height = (_FLOOR - _TOP) * value / most
            y -= height
            # A hair of white keeps the parts apart.
            yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{width}" height="{max(0.5, height - 1):.1f}" fill="{colour}"/>'
        middle = x + width / 2
        yield _text(middle, y - 6, f"{sum(value for value, _ in parts):.2f}", anchor="middle", weight=600)
        yield _text(middle, _FLOOR + 18, name, anchor="middle", size=11)
        yield _text(
            middle if step > 60 else middle + step / 2, _FLOOR + 34, below, anchor="middle", fill=_QUIET, size=11
        )


def _legend(x: float, y: float) -> Iterator[str]:
    for name, colour in _PARTS.values():
        yield f'<rect x="{x}" y="{y - 9}" width="10" height="10" rx="2" fill="{colour}"/>'
        yield _text(x + 15, y, name, size=12, fill=_QUIET)
        x += 32 + 6.6 * len(name)


def _text(
    x: float, y: float, text: str, *, size: int = 12, weight: int = 400, fill: str = _INK, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}">{text}</text>'
    )


def _short(count: int) -> str:
    return f"{count // 1_000_000} M" if count >= 1_000_000 else f"{count:,}"
