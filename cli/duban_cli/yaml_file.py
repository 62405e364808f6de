"""A YAML file that is given to a command, read no further than it may be long."""

from __future__ import annotations

from pathlib import Path

from duban.policy.plain_data import MOST_CHARACTERS


def read_yaml(file: Path) -> str:
    """The text of ``file``; of one that is too long, as much as its reader needs to say so."""
    with file.open(encoding="utf-8") as opened:
        return opened.read(MOST_CHARACTERS + 1)
