"""The tables and the picture of docs/benchmarks.md, from what ``duban bench --json`` printed.

    python -m tests.tools.benchmark_tables figures.json [more.json …]

Blocks whose workloads are in none of the files stay as they are. A W1 that was profiled gives only its profile.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from tests.tools.benchmark_picture import picture
from tests.tools.document_tables import DOCS, with_block

Figures: TypeAlias = dict[str, Any]
PAGE: Final = DOCS / "benchmarks.md"
PICTURE: Final = DOCS / "benchmarks.svg"
_NAMES: Final = {"kafka": "Kafka", "postgres": "PostgreSQL", "player": "the bench itself"}


def read(files: Iterable[Path]) -> Figures:
    """The figures of all ``files`` by workload; a later file displaces an earlier one."""
    figures: Figures = {}
    for file in files:
        for name, measured in json.loads(file.read_text("utf-8").strip().splitlines()[-1]).items():
            profile = measured.pop("profile_percent", None) if isinstance(measured, dict) else None
            figures["profile" if profile else name] = profile or measured
    return figures


def tables(figures: Figures) -> dict[str, str]:
    """The blocks for which there are figures, by name."""
    blocks = {name: block(figures) for name, (wanted, block) in BLOCKS.items() if wanted <= figures.keys()}
    return {name: "\n".join(lines) + "\n" for name, lines in blocks.items()}


def _whole(figures: Figures) -> Iterator[str]:
    yield "| workload | figure | CPU seconds per 1,000, all processes | loop, ms | limit in the same run |"
    yield "| --- | --- | --- | --- | --- |"
    yield from (f"| {' | '.join(row)} |" for row in _rows(figures))


def _rows(figures: Figures) -> Iterator[tuple[str, ...]]:
    w1, w2, w3, w4 = (figures[name] for name in ("W1", "W2", "W3", "W4"))
    router, path = figures["router"], figures["path"]
    limits = w1["limits"]
    yield (
        f"W1: whole lives, 500 in hand, every tenth report again, 30 % late, checked; {w1['problems']:,} problems",
        f"{w1['per_s']:,.0f} problems/s; {_late(w1)}; {w1['bytes_per_problem'] / 1000:.0f} KB each on disk",
        _cpu(w1), _loop(w1),
        (f"Kafka {limits['kafka_hop']['append_per_s']:,} appends/s of 1.5 KB; "
        f"PostgreSQL {limits['postgres']['insert_per_s']:,} rows/s of 1.5 KB"),
    )  # fmt: skip
    for share in ("50 %", "80 %", "100 %"):
        at = w2[share]
        late = f"{_late(at)}; dispatched after {at['dispatch_p50_ms']} and {at['dispatch_p99_ms']} ms"
        what = f"W2: an open loop at {share} of that, {w2['problems']:,} problems"
        yield what, f"{at['offered_per_s']:,.0f} problems/s; {late}", _cpu(at), _loop(w2), "–"
    yield "W3: intake alone", f"{w3['per_s']:,.0f} reports/s", _cpu(w3), _loop(w3), _rows_a_second(w3, "100 B")
    yield (
        "router alone", f"{router['per_s']:,.0f} commands/s", _cpu(router), _loop(router),
        _rows_a_second(router, "1.5 KB"),
    )  # fmt: skip
    yield (
        "path: the router from bytes to records, in one process",
        (f"{path['us_a_command']:.0f} µs a command, {path['us_decoding']:.0f} of them decoding; "
        f"{path['bytes_a_record']:,} bytes a record"),
        "–", _loop(path), "–",
    )  # fmt: skip
    yield (
        f"W4: {w4['armed']:,} deadlines, 90 % met early",
        (f"arm {w4['arm_per_second']:,.0f}/s, meet {w4['meet_per_second']:,.0f}/s, "
        f"fire {w4['fire_per_second']:,.0f}/s; "
        f"a poll {w4['poll_nothing_due_ms']:.1f} ms, behind dead rows {w4['poll_behind_dead_rows_ms']:.1f} ms "
        f"(p99 {w4['poll_behind_dead_rows_p99_ms']:.1f}); {w4['peak_rss_mb']:.0f} MB, {w4['bytes_per_deadline']:.0f} "
        "bytes a deadline"),
        "–", _loop(w4), _rows_a_second(w4, "100 B"),
    )  # fmt: skip


def _restart(figures: Figures) -> Iterator[str]:
    w5 = figures["W5"]
    ready, peak = w5["ready_s"], w5["peak_mb"]
    yield "| seconds after the start of all three services | |"
    yield "| --- | --- |"
    yield f"| ready: {', '.join(ready)} | {', '.join(f'{seconds:.1f}' for seconds in ready.values())} |"
    fired = f"{w5['first_fired_s']:.1f}, {w5['last_fired_s']:.1f}"
    yield f"| the first lapse fired, the last of {w5['lapsed']:,} | {fired} |"
    yield (
        "| a lapse in the ledger: the first, the median, the last | "
        f"{w5['first_lapse_s']:.1f}, {w5['lapse_p50_ms'] / 1000:.1f}, {w5['last_lapse_s']:.1f} |"
    )
    yield f"| intake has done its {w5['backlog'] // 2:,} reports | {w5['intake_done_s']:.1f} |"
    yield f"| the router has done the backlog, {w5['backlog']:,} commands | {w5['router_done_s']:.1f} |"
    yield f"| everything is done and committed | {w5['all_done_s']:.1f} |"
    yield f"| CPU seconds per 1,000 of the backlog | {_cpu(w5)} |"
    memory = ", ".join(f"{_NAMES.get(name, name)} {peak[name]:.0f}" for name in (*ready, "postgres"))
    yield f"| peak megabytes | {memory} |"
    yield f"| loop, ms | {_loop(w5)} |"


def _flat(figures: Figures) -> Iterator[str]:
    yield "| open problems | partitions | CPU seconds per 1,000 problems | lateness p50, p99, ms |"
    yield "| --- | --- | --- | --- |"
    for point in points(figures["flat"]):
        late = f"{point['lateness_p50_ms']}, {point['lateness_p99_ms']}"
        yield f"| {point['open']:,} | {point['partitions']} | {_cpu(point)} | {late} |"


def _history(figures: Figures) -> Iterator[str]:
    yield "| events before | a further command, CPU ms | one that comes again, CPU ms |"
    yield "| --- | --- | --- |"
    for length, at in histories(figures["history"]):
        yield f"| {length:,} | {_cpu(at['further'])} | {_cpu(at['again'])} |"


def _monitors(figures: Figures) -> Iterator[str]:
    hj212 = figures["hj212"]
    yield "| 5,000 devices of HJ 212 on one process | |"
    yield "| --- | --- |"
    yield f"| all connected after | {hj212['connected_s']:.1f} s |"
    yield f"| readings answered, each once the broker had it | {hj212['per_s']:,.0f}/s |"
    waits = f"{hj212['answer_p50_ms']:,.0f} ms, {hj212['answer_p99_ms']:,.0f} ms"
    yield f"| from a frame to its answer: the median, p99 | {waits} |"
    memory = (hj212["idle_mb"], hj212["connected_mb"], hj212["peak_mb"]["hj212"])
    yield f"| megabytes: with no device, with all connected, at most | {', '.join(f'{held:.0f}' for held in memory)} |"
    yield f"| CPU seconds per 1,000 readings | {_cpu(hj212)} |"
    yield f"| loop, ms | {_loop(hj212)} |"


def _detection(figures: Figures) -> Iterator[str]:
    detector = figures["detector"]
    yield f"| readings of {detector['stations']:,} stations, six factors each, by one detector | |"
    yield "| --- | --- |"
    yield f"| judged | {detector['per_s']:,.0f}/s |"
    yield f"| reports of episodes that came of it | {detector['reports']:,} |"
    memory = (detector["idle_mb"], detector["peak_mb"]["detector"])
    yield f"| megabytes: with no station, at most | {', '.join(f'{held:.0f}' for held in memory)} |"
    yield f"| CPU seconds per 1,000 readings | {_cpu(detector)} |"
    yield f"| loop, ms | {_loop(detector)} |"


def _soak(figures: Figures) -> Iterator[str]:
    w6 = figures["W6"]
    names = [name for name in w6["minutes"][0]["resident_mb"] if name != "player"]
    yield f"| minute | {' | '.join(_NAMES.get(name, name) for name in names)} | hit rate | lateness p99, ms | MB more |"
    yield f"| {' | '.join('---' for _ in range(len(names) + 4))} |"
    last = len(w6["minutes"])
    for minute in sorted({1, 2, 5, *range(10, last, max(10, last // 60 * 10)), last}):
        if minute <= last:
            line = w6["minutes"][minute - 1]
            held = " | ".join(f"{line['resident_mb'][name]:.0f}" for name in names)
            late = line.get("lateness_p99_ms", "–")
            yield f"| {minute} | {held} | {100 * line['hit_rate']:.1f} % | {late} | {line['grown_mb']:.0f} |"


def _profile(figures: Figures) -> Iterator[str]:
    profile: Mapping[str, Mapping[str, float]] = figures["profile"]
    kinds = list(dict.fromkeys(kind for shares in profile.values() for kind in shares))
    yield f"| | {' | '.join(kinds)} |"
    yield f"| {' | '.join('---' for _ in range(len(kinds) + 1))} |"
    for name, shares in profile.items():
        yield f"| {name} | {' | '.join(f'{shares.get(kind, 0):.0f} %' for kind in kinds)} |"


def points(flat: Figures) -> list[Figures]:
    """The points of the workload ``flat``, in order."""
    return [point for point in flat.values() if isinstance(point, dict)]


def histories(history: Figures) -> list[tuple[int, Figures]]:
    """The lengths of the workload ``history``, each with its figures."""
    return [(int(name.split()[0]), at) for name, at in history.items() if isinstance(at, dict)]


def _late(figures: Figures) -> str:
    return f"lapses {figures['lateness_p50_ms']} ms late in the median, {figures['lateness_p99_ms']} ms at p99"


def _cpu(figures: Figures) -> str:
    parts = sorted(figures["cpu_s_per_1000"].items(), key=lambda part: -part[1])
    by_part = ", ".join(f"{_NAMES.get(name, name)} {used:.2f}" for name, used in parts)
    return f"{figures['cpu_s_per_1000_all']:.2f} ({by_part})"


def _loop(figures: Figures) -> str:
    return ", ".join(f"{ms:.0f}" for ms in figures["loop_ms"])


def _rows_a_second(figures: Figures, size: str) -> str:
    return f"PostgreSQL {figures['limits']['postgres']['insert_per_s']:,} rows/s of {size}"


#: The blocks by name: the workloads each needs, and what writes it.
BLOCKS: Final[dict[str, tuple[frozenset[str], Callable[[Figures], Iterator[str]]]]] = {
    "whole": (frozenset(("W1", "W2", "W3", "router", "path", "W4")), _whole),
    "restart": (frozenset(("W5",)), _restart),
    "flat": (frozenset(("flat",)), _flat),
    "history": (frozenset(("history",)), _history),
    "monitors": (frozenset(("hj212",)), _monitors),
    "detection": (frozenset(("detector",)), _detection),
    "soak": (frozenset(("W6",)), _soak),
    "profile": (frozenset(("profile",)), _profile),
}


def main(files: list[str]) -> None:
    """Write the blocks and the picture."""
    figures = read(map(Path, files))
    text = PAGE.read_text("utf-8")
    for name, block in tables(figures).items():
        text = with_block(text, name, block)
    PAGE.write_text(text, "utf-8")
    if {"flat", "history"} <= figures.keys():
        PICTURE.write_text(picture(points(figures["flat"]), histories(figures["history"])), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
