"""Write the generated contracts anew: ``python -m duban.contracts``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from duban.contracts.catalogue import asyncapi, schemas

FOLDER = Path(__file__).parent


def documents() -> Iterator[tuple[Path, str]]:
    """Each generated file and what it holds."""
    for name, schema in schemas().items():
        yield FOLDER / f"{name}.json", _text(schema)
    yield FOLDER / "asyncapi.json", _text(asyncapi(_release()))


def _text(document: dict[str, object]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _release() -> str:
    try:
        return version("duban")
    except PackageNotFoundError:
        return "0.1.0"


if __name__ == "__main__":
    for path, text in documents():
        path.write_text(text, encoding="utf-8")
