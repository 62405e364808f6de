"""Files that tests send as evidence, made here."""

from __future__ import annotations

from hashlib import sha256, shake_256
from io import BytesIO
from pathlib import Path

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base


def photo(width: int = 32, *, height: int = 24, orientation: int = 1, noise: str = "") -> bytes:
    """A photo of a phone, with who took it, where, and how the phone was held; another for each ``noise``."""
    image = Image.new("RGB", (width, height), "navy")
    image.paste("white", (0, 0, width // 2, height // 2))
    if noise:  # below the corner, so that no two have the same bytes at the end
        rows = height - height // 2
        speckled = shake_256(noise.encode()).digest(3 * width * rows)
        image.paste(Image.frombytes("RGB", (width, rows), speckled), (0, height // 2))
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Artist], exif[Base.Orientation] = "Phone", f"Li Si {noise}", orientation
    exif.get_ifd(IFD.GPSInfo).update({GPS.GPSLatitudeRef: "N", GPS.GPSLatitude: (31.0, 27.0, 36.0)})
    data = BytesIO()
    image.save(data, "JPEG", exif=exif, comment=b"by Li Si", quality=95)
    return data.getvalue()


def video(noise: str = "") -> bytes:
    """What begins like a video of a phone; of its like no copies are made."""
    return b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + noise.encode() + bytes(200)


def seal(data: bytes) -> str:
    """The SHA-256 of ``data`` as the ledger writes it."""
    return sha256(data).hexdigest()


def written(folder: Path, data: bytes, name: str = "photo.mp4") -> Path:
    """``data`` as a file in ``folder``."""
    file = folder / name
    file.write_bytes(data)
    return file
