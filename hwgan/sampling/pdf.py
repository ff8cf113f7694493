"""A PDF file of pages with vector drawings: no fonts, no images, so a few objects are enough."""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

_HEADER = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"  # bytes above 127 tell programs that the file is binary
_CATALOG, _PAGES, _INFO, _FIRST_PAGE = 1, 2, 3, 4  # numbers of objects; each page has two


class PdfPage(NamedTuple):
    """A page.

    Attributes:
      width: in points, 1/72 inch.
      height: in points.
      content: drawing operators in ASCII; y points up from the bottom of the page.
    """

    width: float
    height: float
    content: str


def write_pdf(pages: Sequence[PdfPage], software: str) -> bytes:
    """The bytes of a PDF document, which equal pages make equal.

    Args:
      pages: one at least.
      software: name of the program that makes it; letters and digits.

    References:
      ISO 32000-1:2008, sections 7.5 (structure of the file), 7.7.3 (pages), 8.5 (paths)
    """
    numbers = range(_FIRST_PAGE, _FIRST_PAGE + 2 * len(pages), 2)
    kids = " ".join(f"{number} 0 R" for number in numbers)
    objects = [
        f"<< /Type /Catalog /Pages {_PAGES} 0 R >>".encode(),
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        f"<< /Creator ({software}) /Producer ({software}) >>".encode(),
    ]
    for number, page in zip(numbers, pages, strict=True):
        box = f"/MediaBox [0 0 {page.width:.3f} {page.height:.3f}] /Resources << >>"
        objects.append(f"<< /Type /Page /Parent {_PAGES} 0 R {box} /Contents {number + 1} 0 R >>".encode())
        stream = zlib.compress(page.content.encode("ascii"))
        head = f"<< /Length {len(stream)} /Filter /FlateDecode >>\nstream\n".encode()
        objects.append(head + stream + b"\nendstream")
    parts, offsets, size = [_HEADER], [], len(_HEADER)
    for number, content in enumerate(objects, 1):
        parts.append(b"%d 0 obj\n%b\nendobj\n" % (number, content))
        offsets.append(size)
        size += len(parts[-1])
    entries = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    trailer = f"<< /Size {len(objects) + 1} /Root {_CATALOG} 0 R /Info {_INFO} 0 R >>"
    table = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{entries}trailer\n{trailer}\nstartxref\n{size}\n%%EOF\n"
    return b"".join([*parts, table.encode()])
