"""What may be shown of a file: a copy without what it says of who made it, with what, when and where.

Of a picture nothing but its pixels is left. Of a PDF everything goes that is not on its pages. Files of strangers are
opened in a process of their own, ``python -m duban.io.evidence.published_copy``, that has no secrets and bounds on its
memory and time: whatever a file does to its reader, it does there.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Final

_SECONDS: Final = 60
_MEMORY: Final = 2 * 1024**3
_MOST_PIXELS: Final = 64_000_000
_MOST_BYTES: Final = 1024**3
#: Parts of a JPEG that its pixels need: how they are coloured, and in which order they lie.
_JPEG_KEPT: Final = {0xE0, 0xE2, 0xEE}
_OF_A_PAGE: Final = ("/Metadata", "/PieceInfo", "/LastModified", "/Thumb", "/AA")
_OF_A_PDF: Final = (
    "/Metadata",
    "/PieceInfo",
    "/OpenAction",
    "/AA",
    "/Names",
    "/AF",
    "/Perms",
    "/SpiderInfo",
    "/Collection",
)


def publishable(type_: str) -> bool:
    """Whether copies can be made of files of ``type_``."""
    return type_ in _MAKERS


def publish(file: Path, type_: str, target: Path) -> str | None:
    """Have a copy of ``file`` at ``target`` that may be shown; why there is none, where none can be made."""
    if not publishable(type_):
        return f"no copy without metadata can be made of {type_}"
    words = [sys.executable, "-I", "-m", __name__, str(file), str(target), type_]
    try:
        done = subprocess.run(  # noqa: S603 ourselves
            words,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
            env={"LC_ALL": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired:
        return f"no copy of it was made within {_SECONDS} s"
    if done.returncode == 0:
        return None
    why = (done.stderr.strip().splitlines() or ["it cannot be read"])[-1].replace(str(file), "the file")
    return f"no copy without metadata can be made of it: {why}"


def _picture(format_: str, source: Path, target: Path) -> None:
    from PIL import Image, ImageOps

    with Image.open(source, formats=(format_, "MPO") if format_ == "JPEG" else (format_,)) as image:
        if image.width * image.height > _MOST_PIXELS:
            raise ValueError(f"it has {image.width} × {image.height} pixels, and {_MOST_PIXELS} are copied")
        plain = _in_plain_colours(ImageOps.exif_transpose(image), format_)
    plain.info = {}
    plain.save(target, format_, quality=90)


def _in_plain_colours(image: Any, format_: str) -> Any:
    """``image`` in colours that need no profile of a device, and in a mode that ``format_`` has."""
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK"):
        try:
            screen = ImageCms.createProfile("sRGB")
            device = ImageCms.ImageCmsProfile(BytesIO(profile))
            image = ImageCms.profileToProfile(image, device, screen, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            pass  # a profile that is none
    if format_ == "JPEG":
        return image.convert("L" if image.mode == "L" else "RGB")
    if image.mode in ("P", "PA") or format_ == "WEBP":
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image.copy()


def _pdf(source: Path, target: Path) -> None:
    import pikepdf

    with pikepdf.open(source) as pdf:
        # What annotations show is drawn on the page; who wrote them and when goes with them.
        pdf.flatten_annotations()
        del pdf.docinfo
        _without(pdf.Root, _OF_A_PDF)
        for page in pdf.pages:
            _without(page.obj, (*_OF_A_PAGE, "/Annots"))
        for part in pdf.objects:
            if isinstance(part, pikepdf.Stream | pikepdf.Dictionary):
                _without(part, _OF_A_PAGE)
            if isinstance(part, pikepdf.Stream) and part.get("/Filter") in (
                pikepdf.Name.DCTDecode,
                [pikepdf.Name.DCTDecode],
            ):
                read_as: Any = {"filter": part.get("/Filter"), "decode_parms": part.get("/DecodeParms")}
                part.write(_plain_jpeg(part.read_raw_bytes()), **read_as)
        pdf.save(target, deterministic_id=True)


def _without(part: Any, names: tuple[str, ...]) -> None:
    for name in names:
        if name in part:
            del part[name]


def _plain_jpeg(data: bytes) -> bytes:
    """A JPEG without what is no picture: Exif, XMP, comments, previews, and whatever follows its end."""
    return b"".join(_kept_segments(data))


def _kept_segments(data: bytes) -> Iterator[bytes]:
    place = 2
    yield data[:2]
    while place + 4 <= len(data) and data[place] == 0xFF:
        kind, size = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big") + 2
        if kind == 0xDA:  # the pixels follow, up to the mark of the end
            end = data.find(b"\xff\xd9", place)
            yield data[place : end + 2] if end >= 0 else data[place:]
            return
        if not (0xE0 <= kind <= 0xEF or kind == 0xFE) or kind in _JPEG_KEPT:
            yield data[place : place + size]
        place += size


_MAKERS: Final[dict[str, Callable[[Path, Path], None]]] = {
    "image/jpeg": partial(_picture, "JPEG"),
    "image/png": partial(_picture, "PNG"),
    "image/webp": partial(_picture, "WEBP"),
    "application/pdf": _pdf,
}


def _main(source: str, target: str, type_: str) -> None:
    for bound, most in (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CPU, _SECONDS),
        (resource.RLIMIT_FSIZE, _MOST_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(bound, (most, most))
    try:
        _MAKERS[type_](Path(source), Path(target))
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    _main(*sys.argv[1:])
