"""Copies that may be shown: what a file says of who made it, with what, when and where is not in them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from duban.io.evidence import published_copy
from duban.io.evidence.desk import EvidenceDesk
from duban.io.evidence.folder import FolderStore
from duban.io.evidence.published_copy import publish, publishable
from duban.io.evidence.settings import EvidenceSettings
from duban.io.evidence.store import Room
from tests.evidence import photo, seal, written

MAKERS = published_copy._MAKERS


def made(folder: Path, data: bytes, type_: str) -> bytes:
    """The copy of ``data``, made in this process."""
    target = folder / "copy"
    MAKERS[type_](written(folder, data, "original"), target)
    return target.read_bytes()


def picture(image: Image.Image, format_: str, **more: object) -> bytes:
    data = BytesIO()
    image.save(data, format_, **more)
    return data.getvalue()


def test_of_a_photo_the_pixels_are_left_upright_and_nothing_else(tmp_path: Path) -> None:
    data = photo(32, height=24, orientation=6) + b"after the end"  # held on its side
    assert (b"Li Si" in data, b"Phone" in data) == (True, True)
    copy = made(tmp_path, data, "image/jpeg")
    assert not any(word in copy for word in (b"Li Si", b"Phone", b"Exif", b"after the end"))
    with Image.open(BytesIO(copy)) as image:
        assert (image.format, image.size, dict(image.getexif()), image.info.get("comment")) == (
            "JPEG",
            (24, 32),
            {},
            None,
        )
        # The white corner is where somebody sees it who looks at the original.
        assert min(image.getpixel((20, 4))) > 200  # type: ignore[arg-type]
        assert image.getpixel((4, 28))[0] < 100  # type: ignore[index]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "I;16"])
def test_of_other_pictures_too_whatever_their_colours(mode: str, tmp_path: Path) -> None:
    said = PngImagePlugin.PngInfo()
    said.add_text("Author", "Li Si")
    exif = Image.Exif()
    exif[0x013B] = "Li Si"
    image = Image.new(mode, (9, 8), 1)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    copy = made(tmp_path, picture(image, "PNG", pnginfo=said, exif=exif, icc_profile=profile), "image/png")
    with Image.open(BytesIO(copy)) as shown:
        shown.load()
        assert (shown.size, shown.info.keys() - {"transparency"}, dict(shown.getexif())) == ((9, 8), set(), {})
    if mode in ("RGB", "RGBA"):
        copy = made(tmp_path, picture(image, "WEBP", exif=exif, xmp=b"<x>Li Si</x>"), "image/webp")
        assert b"Li Si" not in copy
        with Image.open(BytesIO(copy)) as shown:
            assert (shown.format, shown.mode) == ("WEBP", mode)


def test_a_profile_that_is_none_and_other_colours_cost_no_copy(tmp_path: Path) -> None:
    for mode in ("RGB", "CMYK"):
        data = picture(Image.new(mode, (9, 8)), "JPEG", icc_profile=b"no profile of Li Si")
        assert b"Li Si" not in made(tmp_path, data, "image/jpeg")


def document() -> bytes:
    """A PDF of somebody, with a photo, a note in the margin, and a file within."""
    pdf = pikepdf.new()
    page = pdf.add_blank_page(page_size=(200, 200))
    jpeg = pdf.make_stream(photo())
    jpeg.Subtype, jpeg.Filter = pikepdf.Name.Image, pikepdf.Name.DCTDecode
    jpeg.DecodeParms = pikepdf.Dictionary(ColorTransform=1)
    jpeg.Width, jpeg.Height, jpeg.BitsPerComponent, jpeg.ColorSpace = 32, 24, 8, pikepdf.Name.DeviceRGB
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Photo=jpeg))
    page.Contents = pdf.make_stream(b"100 0 0 100 0 0 cm /Photo Do")
    note = pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Text, Rect=[0, 0, 9, 9], T="Li Si",
                              Contents="by Li Si")  # fmt: skip
    page.Annots = pikepdf.Array([pdf.make_indirect(note)])
    page.PieceInfo = pikepdf.Dictionary(Editor="Li Si")
    pdf.docinfo["/Author"] = "Li Si"
    with pdf.open_metadata() as xmp:
        xmp["dc:creator"] = ["Li Si"]
    pdf.attachments["draft.txt"] = b"of Li Si"
    pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert('Li Si')")
    data = BytesIO()
    pdf.save(data, compress_streams=False, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return data.getvalue()


def test_of_a_pdf_its_pages_are_left(tmp_path: Path) -> None:
    copy = made(tmp_path, document(), "application/pdf")
    with pikepdf.open(BytesIO(copy)) as pdf:
        plain = BytesIO()
        pdf.save(plain, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.generalized,
                 object_stream_mode=pikepdf.ObjectStreamMode.disable)  # fmt: skip
        assert not any(word in plain.getvalue() for word in (b"Li Si", b"Phone", b"JavaScript", b"Annot"))
        assert not pdf.docinfo
        [page] = pdf.pages
        in_it = page.Resources.XObject.Photo
        assert isinstance(in_it, pikepdf.Stream)
        assert in_it.DecodeParms == pikepdf.Dictionary(ColorTransform=1)
        shown = pikepdf.PdfImage(in_it).as_pil_image()
        with Image.open(BytesIO(photo())) as original:
            assert shown.tobytes() == original.tobytes()  # not one pixel is another


def test_what_cannot_be_read_has_no_copy_and_says_why(tmp_path: Path) -> None:
    target = tmp_path / "copy"
    broken = publish(written(tmp_path, photo()[:400]), "image/jpeg", target)
    assert "no copy without metadata can be made of it: " in str(broken)
    assert str(tmp_path) not in str(broken)
    assert publish(written(tmp_path, b"%PDF-1.7 nothing"), "application/pdf", target)
    assert publish(written(tmp_path, b""), "video/mp4", target) == "no copy without metadata can be made of video/mp4"
    assert [publishable(type_) for type_ in ("image/png", "video/mp4")] == [True, False]
    with pytest.raises(ValueError, match="64000001 × 1 pixels"):
        made(tmp_path, picture(Image.new("1", (64_000_001, 1)), "PNG"), "image/png")


def test_the_desk_has_the_copy_beside_the_original_which_stays_as_it_came(tmp_path: Path) -> None:
    desk = EvidenceDesk(FolderStore(tmp_path / "store"), EvidenceSettings().types, 100_000)
    taken = desk.take(written(tmp_path, photo()), "photo.jpg")
    assert taken.unpublished is None
    original, copy = (b"".join(desk.store.read(room, seal(photo())) or ()) for room in (Room.ORIGINALS, Room.PUBLISHED))
    assert (original, b"Li Si" in copy) == (photo(), False)
    assert desk.take(written(tmp_path, photo()[:400])).unpublished
