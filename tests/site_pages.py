"""What tests read off the pages for the public: what a form brings along, and the code of a receipt."""

from __future__ import annotations

import re
from typing import Final

_HIDDEN: Final = re.compile(r'<input type="hidden" name="([a-z]+)" value="([^"]*)">')
_CODE: Final = re.compile(r"(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}")


def hidden(page: str) -> dict[str, str]:
    """The hidden fields that say something, by their names."""
    return {name: value for name, value in _HIDDEN.findall(page) if value}


def code_on(page: str) -> str:
    """The one code on a receipt."""
    [code] = _CODE.findall(page)
    assert isinstance(code, str)
    return code
