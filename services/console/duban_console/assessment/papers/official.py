"""A sheet as an official document (公文) in the form of GB/T 9704-2012, as PDF; set by typst."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any, Final

from duban.errors import DubanError, SettingsError
from duban.policy import Rules
from duban.policy.model.assessment import BulletinKind
from duban_console.assessment.rows.units import Value
from duban_console.assessment.sheet import Sheet
from duban_console.assessment.words import Language, said, texts, title_of

#: Letters from which on a column shares the width that is left, instead of having all that it wants.
_WIDE: Final = 10
_WORDS: Final = texts(
    {
        "annex": ("Annex: ", "附件："),
        "annexed": ("Annex", "附件"),
        "to": (":", "："),
        "and": (", ", "、"),
        "draft": ("Draft: not to be sent before it is approved", "送审稿（未经批准，不得发出）"),
        "issued": ("Issued on {day}", "{day}印发"),
        "day": ("{0.day} {0:%B} {0.year}", "{0.year}年{0.month}月{0.day}日"),
        "rests_on": ("By {document} {clause}", "依据：{document}{clause}"),
        "opening": (
            "By {document} {clause}, this is how things stood from {first} to {last}.",
            "根据{document}{clause}，现将{first}至{last}的情况通报如下。",
        ),
        "units": (
            "It is about {rows} units; the annex says of each what was counted.",
            "本期涉及{rows}个单位，各单位情况见附件。",
        ),
        "others": ("It holds {rows} items; the annex has each of them.", "本期共{rows}项，逐项情况见附件。"),
        "nothing": ("There is nothing to tell of this period.", "本期无相关事项。"),
        "closing": (
            "The figures are computed from the ledger as of the end of {last}, under {pack} and {calendar}.",
            "以上数据由系统台账生成，统计截至{last}，适用规则为{pack}，工作日历为{calendar}。",
        ),
    }
)
_ABSENT: Final = "a PDF is set by typst, which is not installed here ({error}): install duban-console[papers]"
_OF_UNITS: Final = (BulletinKind.BULLETIN, BulletinKind.ACCOUNT, BulletinKind.SCORES, BulletinKind.RESPONSIBILITIES)


class NoTypesetter(DubanError):
    """What sets documents is not installed."""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What stands on a document beside what was compiled: its number (发文字号), and the office's own fonts."""

    number: str = ""
    fonts: Path | None = None


def fonts_in(folder: Path | None, called: str = "DUBAN_FONTS") -> Path | None:
    """``folder``, once it is certain that documents can be set in the fonts that lie there; it was ``called`` so.

    Raises:
        SettingsError: it is no folder, no font in it can be read, or nothing here sets documents.
    """
    if folder is None:
        return None
    if not folder.is_dir():
        raise SettingsError(f"{called}: {folder} is no folder")
    try:
        import typst
    except ImportError as error:
        raise SettingsError(f"{called}: {_ABSENT.format(error=error)}") from None
    if not typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder]).families():
        raise SettingsError(f"{called}: {folder} holds no font that can be read (ttf, otf, ttc)")
    return folder


def to_pdf(sheet: Sheet, rules: Rules, language: Language, letterhead: Letterhead = Letterhead()) -> bytes:
    """The letter with head, number, title, recipients, basis and imprint, and the table as its annex: PDF/A-2b.

    The same sheet comes to the same bytes, with the same fonts. What needs approval says that it is a draft.

    Raises:
        NoTypesetter: typst is not installed here.
    """
    try:
        import pylopdf_fonts_zh_cn
        import typst
    except ImportError as error:
        raise NoTypesetter(f"{_ABSENT.format(error=error)}, or take csv or xlsx") from None
    template = resources.files(__package__) / "official.typ"
    given = json.dumps(_paper(sheet, rules, language, letterhead), ensure_ascii=False)
    own = [] if letterhead.fonts is None else [letterhead.fonts]
    brought = Path(pylopdf_fonts_zh_cn.__file__).parent
    return typst.compile(
        template.read_bytes(), format="pdf", sys_inputs={"paper": given}, pdf_standards=["a-2b"],
        font_paths=typst.Fonts(include_system_fonts=False, font_paths=[*own, brought]),
        timestamp=int(sheet.stretch.as_of.timestamp()),
    )  # fmt: skip


def _paper(sheet: Sheet, rules: Rules, language: Language, letterhead: Letterhead) -> dict[str, Any]:
    """All that the template says, as JSON data."""
    words = {name: said(text, language) for name, text in _WORDS.items()}
    bulletin, stretch = sheet.bulletin, sheet.stretch

    def titled(unit: str) -> str:
        return title_of(unit, rules, language)

    def day(of: date) -> str:
        return words["day"].format(of)

    name, _, more = rules.pack.document.partition("，")
    document = (f"《{name}》" + (f"（{more}）" if more else "")) if language == "zh" else rules.pack.document
    named = {
        "document": document, "clause": bulletin.clause or "", "first": day(stretch.first), "last": day(stretch.last),
        "rows": len(sheet.rows), "pack": sheet.pack, "calendar": sheet.calendar,
    }  # fmt: skip
    counted = "nothing" if not sheet.rows else "units" if bulletin.kind in _OF_UNITS else "others"
    text = [words[part].format(**named) for part in ("opening", counted, "closing")]
    return {
        "language": language,
        "words": words,
        "draft": words["draft"] if bulletin.needs_approval else None,
        "issuer": titled(rules.pack.office),
        "number": letterhead.number,
        "title": sheet.title,
        "recipients": words["and"].join(map(titled, sheet.recipients)) + words["to"],
        "text": text,
        "date": day(stretch.last),
        "on": {"year": stretch.last.year, "month": stretch.last.month, "day": stretch.last.day},
        "issued": words["issued"].format(day=day(stretch.last)),
        "rests_on": words["rests_on"].format(**named) if bulletin.clause else None,
        "columns": [_column(heading, [row[key] for row in sheet.rows]) for key, heading in sheet.columns],
        "rows": [[_cell(row[key]) for key, _ in sheet.columns] for row in sheet.rows],
    }


def _column(heading: str, values: Iterable[Value]) -> dict[str, Any]:
    given = [value for value in values if value is not None]
    number = bool(given) and all(isinstance(value, int | float) for value in given)
    return {"title": heading, "number": number, "wide": any(len(str(value)) > _WIDE for value in given)}


def _cell(value: Value) -> str:
    return "–" if value is None else str(value)
