"""What the templates of a pack may ask of a field that they mention. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter
from typing import Final

#: A width of one or two digits, as in ``{serial:04d}``: one of nine digits fills the memory of whoever fills it.
_FORMAT: Final = re.compile(r"\d{0,2}d?")


def overdone(template: str) -> Iterator[str]:
    """Every field whose format asks for more than a width, as it stands in ``template``.

    Raises:
        ValueError: it is no template.
    """
    for _, field, spec, conversion in Formatter().parse(template):
        if field is not None and (conversion or not _FORMAT.fullmatch(spec or "")):
            yield f"{{{field}{'!' + conversion if conversion else ''}{':' + spec if spec else ''}}}"
