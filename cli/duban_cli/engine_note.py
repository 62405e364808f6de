"""What a running engine writes down of itself in its folder, for the commands of a second terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

_NOTE = "engine.json"


def leave_note(folder: Path, note: Mapping[str, object]) -> None:
    """Write ``note`` down for whoever looks into ``folder``."""
    (folder / _NOTE).write_text(json.dumps(note))


def remove_note(folder: Path) -> None:
    """Say that no engine runs in ``folder`` any more."""
    (folder / _NOTE).unlink(missing_ok=True)


def note_of(folder: Path) -> dict[str, object]:
    """What the engine that runs in ``folder`` has written down of itself; empty when only the stack runs."""
    place = folder / _NOTE
    note: dict[str, object] = json.loads(place.read_text()) if place.exists() else {}
    return note
