"""In which language somebody reads pages: what they have chosen, else what their browser asks for, else Chinese."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from starlette.requests import Request
from starlette.responses import Response

from duban.pages.words import LANGUAGES, PageLanguage

#: What a page says of itself to browsers and to who reads it aloud.
TAGS: Final[dict[PageLanguage, str]] = {"zh": "zh-CN", "en": "en"}
_COOKIE: Final = "duban-language"
_YEAR: Final = 365 * 24 * 3600


def language_of(request: Request) -> PageLanguage:
    """The language of ``request``."""
    chosen = request.cookies.get(_COOKIE)
    for language in LANGUAGES:
        if chosen == language:
            return language
    for tag in request.headers.get("accept-language", "").split(","):
        for language in LANGUAGES:
            if tag.strip().lower().startswith(language):
                return language
    return LANGUAGES[0]


def keep_language(response: Response, language: PageLanguage, *, is_secure: bool) -> None:
    """Have the browser keep ``language``."""
    response.set_cookie(_COOKIE, language, max_age=_YEAR, path="/", secure=is_secure, httponly=True, samesite="lax")


def translations(folders: Sequence[Path], language: PageLanguage) -> Translations:
    """The catalogues of ``language`` in ``folders``, as one; what stands in none of them is said as it is written.

    What is written in code and templates is English, so that language needs no catalogue.
    """
    whole = Translations()
    for folder in folders:
        file = folder / f"{language}.po"
        if not file.exists():
            continue
        with file.open("rb") as written, BytesIO() as compiled:
            write_mo(compiled, read_po(written, locale=language))
            compiled.seek(0)
            whole.add(Translations(compiled))
    return whole
