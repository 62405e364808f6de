"""What citizens have written, as the public may read it: without numbers and names by which a person is found. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import date
from typing import Final, TypeAlias

from duban.texts import is_blank, printable

#: From which character of a text up to before which.
Span: TypeAlias = tuple[int, int]

#: Stands for what is not told.
MASK: Final = "***"

#: Digits of one number may be apart by this much.
_GAP: Final = r"[ \-_.~·•—–―/]{0,2}"
#: Numbers and addresses, as they stand after :func:`_plain`. An area code or a country code goes with its number.
_FOUND: Final = tuple(
    re.compile(pattern.replace("_", _GAP), re.IGNORECASE)
    for pattern in (
        r"(?<![a-z0-9])[a-z0-9.%+\x2d\x5f]+ ?@ ?[a-z0-9\x2d]+(?:\.[a-z0-9\x2d]+)+",
        r"(?<!\d)(?:(?:\+|00)?86_)?1_[3-9](?:_\d){9}(?!\d)",
        r"(?<!\d)\(?0_\d(?:_\d){1,2}\)?_[2-8](?:_\d){6,7}(?:(?:[ \x2d]|转|ext\.?){1,2}\d{1,6})?(?!\d)",
        r"\+\(?\d(?:[()]?_[()]?\d){6,14}(?!\d)",
        r"(?<!\d)(?:1[ .\x2d])?\(?[2-9]\d\d\)?[ .\x2d][2-9]\d\d[ .\x2d]\d{4}(?!\d)",
    )
)
#: What may be an identity number: it is one if its date or its check digit is.
_IDENTITY: Final = re.compile(
    r"(?<!\d)\d(?:_\d){16}_[\dx](?![\da-z])|(?<!\d)\d(?:_\d){14}(?!\d)".replace("_", _GAP), re.IGNORECASE
)
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_NUMBERS: Final = "电话|手机|座机|号码|联系方式|身份证|证件|护照|扣扣"
_PERSONS: Final = "姓名|名字|联系人|举报人|投诉人|反映人|来电人|报案人|申请人|当事人|户主|业主"
#: A number or a name of an account that is said to be that of a person.
_SAID: Final = tuple(
    re.compile(pattern.replace("_", _GAP), re.IGNORECASE)
    for pattern in (
        (
            rf"(?:{_NUMBERS}|(?<![a-z])(?:qq|tel|phone|mobile|id card|passport)(?![a-z]))"
            r"[^\d\n.;。；]{0,8}?((?<![a-z])[a-z]{0,2}\d(?:_\d){4,19})"
        ),
        r"(?:微信|(?<![a-z])(?:vx|wechat))(?:号|id)?[ :是为]{0,3}([a-z\d][a-z\d\x5f\x2d]{5,19})",
    )
)
_HAN: Final = "[\u4e00-\u9fff]"
#: A name that is said to be one: as much of what follows as a name may have.
_NAMED: Final = tuple(
    re.compile(pattern.replace("_", _HAN), re.IGNORECASE)
    for pattern in (
        (
            rf"(?:(?:{_PERSONS}|(?<![a-z])name)\s*(?:[:=]|叫)|(?:姓名|名字|联系人)\s*[是为](?!谁))"
            r"\s*(_[\u4e00-\u9fff·]{1,3}(?!_)|_{2,3}|[a-z]+(?:[ '\-][a-z]+){0,3})"
        ),
        r"(?:我叫|名叫|本人叫)\s*(_{2,3})",
        r"(?:my name is|i am called) ([a-z]+(?:[ '\-][a-z]+){0,2})",
    )
)


def masked(text: str) -> str:
    """``text`` with ``***`` for each telephone, identity and account number, e-mail address, and name said to be one.

    Numbers are found in full-width and Chinese digits too, and with blanks, dashes or unseen characters in them.
    """
    spans = sorted((*_spans(text, _numbers, spoken=True), *_spans(text, _names, spoken=False)))
    whole, upto = [], 0
    for start, end in spans:
        if start >= upto:
            whole += [text[upto:start], MASK]
        upto = max(upto, end)
    return "".join((*whole, text[upto:]))


def published(text: str) -> str:
    """``text`` as it goes out to the public: :func:`masked`, with what a reader's screen would obey escaped."""
    return printable(masked(text))


def _spans(text: str, personal: Callable[[str], Iterator[Span]], *, spoken: bool) -> Iterator[Span]:
    """Where in ``text`` lies what is ``personal`` in its plain form, with what nobody sees behind it."""
    plain, places = _plain(text, spoken=spoken)
    places.append(len(text))
    return ((places[start], places[end]) for start, end in personal(plain))


def _numbers(plain: str) -> Iterator[Span]:
    for match in _IDENTITY.finditer(plain):
        if _is_identity(re.sub(r"[^\dxX]", "", match[0]).upper()):
            yield match.span()
    for pattern in _FOUND:
        yield from (match.span() for match in pattern.finditer(plain))
    for pattern in _SAID:
        yield from (match.span(1) for match in pattern.finditer(plain))


def _names(plain: str) -> Iterator[Span]:
    for pattern in _NAMED:
        yield from (match.span(1) for match in pattern.finditer(plain))


def _is_identity(number: str) -> bool:
    """Whether ``number``, of 15 or 18 digits, bears a day of birth where identity numbers do, or their check digit."""
    born = number[6:14] if len(number) == 18 else f"19{number[6:12]}"
    try:
        if 1850 <= date(int(born[:4]), int(born[4:6]), int(born[6:])).year <= 2100:
            return True
    except ValueError:
        pass
    if len(number) != 18:
        return False
    return "10X98765432"[sum(int(digit) * by for digit, by in zip(number, _WEIGHTS, strict=False)) % 11] == number[17]


def _plain(text: str, *, spoken: bool) -> tuple[str, list[int]]:
    """``text`` with digits and letters in one form, without what nobody sees, and where each character of it stands.

    With ``spoken`` the digits that are written as words, which names bear too, are digits.
    """
    letters, places = [], []
    for place, letter in enumerate(text):
        plain = letter if letter.isascii() else (spoken and _SPOKEN.get(letter)) or _plain_letter(letter)
        if plain:
            letters.append(plain)
            places.append(place)
    return "".join(letters), places


#: Digits as people speak them into a telephone.
_SPOKEN: Final = dict(zip("〇零一二三四五六七八九幺", "001234567891", strict=True))
#: The key on which a digit may stand.
_KEY: Final = "\u20e3"


def _plain_letter(letter: str) -> str:
    if letter.isspace():
        return " "
    if letter == _KEY or is_blank(letter):
        return ""
    digit = unicodedata.digit(letter, -1)
    if digit >= 0:
        return str(digit)
    same = unicodedata.normalize("NFKC", letter)
    return same if len(same) == 1 else letter
