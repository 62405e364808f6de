"""Typer's help, imported without the parts of rich that it names at its top and that our help never enters."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Final

#: Markdown, which only help written in Markdown needs, and tracebacks, which no help needs: with the parser and the
#: highlighter that they bring they cost as much as typer itself.
UNUSED: Final = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}


def import_help() -> None:
    """Import ``typer.rich_utils`` with a blank in place of what is unused; whoever imports that later gets it whole."""
    if "typer.rich_utils" in sys.modules:
        return
    blanks = {name: _blank(name, held) for name, held in UNUSED.items() if name not in sys.modules}
    sys.modules.update(blanks)
    try:
        import_module("typer.rich_utils")
    finally:
        for name in blanks:
            del sys.modules[name]


def _blank(name: str, held: str) -> ModuleType:
    blank = ModuleType(name)
    setattr(blank, held, type(held, (), {}))
    return blank
