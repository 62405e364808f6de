"""The catalogues of pages: ``python -m tests.tools.catalogues`` brings each to what its room says.

What is written in templates and code is English and is its own key; ``msgid``, ``say`` and ``_`` mark it.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from duban_local import ROOT

#: Each room with pages.
ROOMS: Final = (
    ROOT / "shared/duban/pages",
    ROOT / "services/console/duban_console/pages",
    ROOT / "services/console/duban_console/accounts",
    ROOT / "services/console/duban_console/operation",
    ROOT / "services/intake/duban_intake/site",
    ROOT / "services/console/duban_console/policies",
)
_KEYWORDS: Final = {"_": None, "say": None, "msgid": None, "gettext": None}
_METHODS: Final = [("**.py", "python"), ("**/templates/**.html", "jinja2")]


def extracted(room: Path) -> dict[str, set[str]]:
    """What ``room`` says, each with the files in which it stands."""
    places: dict[str, set[str]] = {}
    options = {"**/templates/**.html": {"trimmed": "true"}}
    for file, _, message, _, _ in extract_from_dir(room, _METHODS, options, _KEYWORDS):
        if isinstance(message, str) and message:
            places.setdefault(message, set()).add(file)
    return places


def catalogue_of(room: Path, language: str = "zh") -> Catalog:
    """The catalogue of ``room``."""
    with (room / "catalogues" / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def renewed(room: Path, known: dict[str, str]) -> bytes:
    """The catalogue of ``room`` with all that it says, in the words of ``known``."""
    catalogue = Catalog(locale="zh", project="Duban", fuzzy=False)
    for message, files in sorted(extracted(room).items()):
        catalogue.add(message, known.get(message, ""), locations=[(file, 0) for file in sorted(files)])
    written = BytesIO()
    write_po(written, catalogue, width=10_000, omit_header=True, sort_output=True)
    return written.getvalue()


def main() -> None:
    for room in ROOMS:
        file = room / "catalogues" / "zh.po"
        known = {str(each.id): str(each.string) for each in catalogue_of(room) if each.id} if file.exists() else {}
        file.write_bytes(renewed(room, known))
        missing = [message for message in extracted(room) if not known.get(message)]
        print(f"{file}: {len(missing)} without Chinese", *missing, sep="\n  ")


if __name__ == "__main__":
    main()
