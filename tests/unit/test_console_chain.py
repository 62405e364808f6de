"""A history is whole only as it was written: any change, gap or cut is found at its version."""

from __future__ import annotations

from dataclasses import replace

import pytest

from duban.messages.events import GENESIS, chained
from duban_console.chain import Line, first_broken


def written(count: int) -> tuple[list[Line], str]:
    """A history of ``count`` lines, and its head."""
    lines: list[Line] = []
    head = GENESIS
    for version in range(1, count + 1):
        body = b'{"version":%d}' % version
        lines.append(Line(version, body, chained(head, body)))
        head = lines[-1].hash
    return lines, head


def test_a_history_as_it_was_written_is_whole() -> None:
    assert first_broken(*written(4)) is None
    assert first_broken([], GENESIS) is None


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_a_changed_body_is_found_where_it_stands(version: int) -> None:
    lines, head = written(4)
    lines[version - 1] = replace(lines[version - 1], body=b"{}")
    assert first_broken(lines, head) == version


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_changed_body_with_its_hash_recomputed_is_found_at_the_next_line(version: int) -> None:
    lines, head = written(4)
    previous = lines[version - 2].hash if version > 1 else GENESIS
    lines[version - 1] = replace(lines[version - 1], body=b"{}", hash=chained(previous, b"{}"))
    assert first_broken(lines, head) == version + 1


def test_a_missing_line_is_found_where_it_should_stand() -> None:
    lines, head = written(4)
    assert first_broken([*lines[:1], *lines[2:]], head) == 2


def test_a_history_that_was_cut_off_is_found_at_its_end() -> None:
    lines, head = written(4)
    assert first_broken(lines[:3], head) == 4
