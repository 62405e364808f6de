"""A font such as an office has of its own: one that comes along, under the family name of 仿宋."""

from __future__ import annotations

from pathlib import Path
from struct import pack_into, unpack_from
from typing import Final

import pylopdf_fonts_zh_cn

#: The records of a font's table ``name`` that name its family (OpenType, name id 1 and 16).
_FAMILY: Final = (1, 16)


def office_fonts(folder: Path) -> Path:
    """``folder``, with a font in it that calls itself FangSong and has the letters of Noto Sans SC."""
    folder.mkdir(exist_ok=True)
    font = bytearray((Path(pylopdf_fonts_zh_cn.__file__).parent / "NotoSansSC-Regular.otf").read_bytes())
    tables = (unpack_from(">4sIII", font, 12 + 16 * number) for number in range(unpack_from(">H", font, 4)[0]))
    [names] = [offset for tag, _, offset, _ in tables if tag == b"name"]
    count, texts = unpack_from(">HH", font, names + 2)
    for number in range(count):
        record = names + 6 + 12 * number
        platform, _, _, name_id, _, at = unpack_from(">6H", font, record)
        if name_id in _FAMILY:
            name = "FangSong".encode("mac-roman" if platform == 1 else "utf-16-be")
            font[names + texts + at : names + texts + at + len(name)] = name
            pack_into(">H", font, record + 8, len(name))
    (folder / "fangsong.otf").write_bytes(font)
    return folder
