"""Broken and malicious raw files: each is reported, and no other file is lost."""

import gzip
import io
import json
import os
import struct
import tarfile
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from hwgan.data import transforms
from hwgan.datasets import raw_files, xml_tree
from hwgan.datasets.raw_files import RawFiles, text_lines
from hwgan.datasets.splits import SPLITS
from hwgan.datasets.xml_tree import parse_xml
from hwgan.prepare import prepare_dataset
from hwgan.runtime.errors import UserError
from tests.hostile import held
from tests.synthetic_data import make_folder, pack, png, read_rows


def skipped_of(tmp_path, folder, expected_left):
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    assert sum(summary["examples"].values()) == expected_left
    return summary["skipped"]


def encode(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png_header_of(width, height):
    """A PNG that claims to be huge, with hardly any data."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


# images

SCAN = np.random.default_rng(0).integers(0, 256, (20, 40), np.uint8)
BROKEN = {
    "zero bytes": b"",
    "cut short": encode(Image.fromarray(SCAN))[:200],
    "no image": b"<html>not found</html>",
    "bomb by its header": png_header_of(60_000, 60_000),
    "bomb under Pillow's error": png_header_of(10_000, 9_000),
    "wrong checksum": encode(Image.fromarray(SCAN)).replace(b"IDAT", b"IDAX"),
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    "jpeg cut short": encode(Image.fromarray(SCAN), "JPEG")[:300],
    "tiff cut short": encode(Image.fromarray(SCAN), "TIFF")[:100],
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_images_are_reported_and_the_rest_is_kept(tmp_path, kind):
    folder = make_folder(tmp_path / "mine")
    (folder / "7.png").write_bytes(BROKEN[kind])
    skipped = skipped_of(tmp_path, folder, 59)
    assert skipped["unreadable image"]["count"] == 1
    assert skipped["unreadable image"]["first"][0].startswith("7.png (words.tsv line 9)")


MODES = {
    "RGB": Image.fromarray(SCAN).convert("RGB"),
    "RGBA": Image.fromarray(SCAN).convert("RGBA"),
    "grey with alpha": Image.fromarray(SCAN).convert("LA"),
    "palette": Image.fromarray(SCAN).convert("P"),
    "16 bits": Image.fromarray(SCAN.astype(np.uint16) * 257),
}


@pytest.mark.parametrize("kind", MODES)
def test_every_mode_is_stored_as_the_same_grey(tmp_path, kind):
    folder = make_folder(tmp_path / "mine")
    MODES[kind].save(folder / "7.png")
    assert skipped_of(tmp_path, folder, 60) == {}
    rows = {k: r for s in SPLITS for k, r in read_rows(tmp_path / "data", "word_folder/mine", s).items()}
    np.testing.assert_array_equal(rows["7.png"]["image"][:, :, 0], SCAN)


@pytest.mark.parametrize(
    ("levels", "kind"),
    [
        (SCAN.astype(np.float32) / 255, "TIFF"),
        (SCAN.astype(np.float32), "TIFF"),
        (SCAN.astype(np.int32), "TIFF"),
        ((SCAN.astype(np.uint16) * 16), "PNG"),  # 12 bits
    ],
)
def test_deep_images_are_scaled_by_their_largest_level(levels, kind):
    grey = transforms.decode_grey(encode(Image.fromarray(levels), kind))
    assert np.abs(grey.astype(int) - SCAN).max() <= 1


def test_levels_outside_any_grey_scale_are_an_error():
    with pytest.raises(OSError, match="grey levels go from"):
        transforms.decode_grey(encode(Image.fromarray(SCAN.astype(np.float32) - 300.0), "TIFF"))


def test_exif_rotation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = np.tile(np.linspace(0, 255, 40).astype(np.uint8), (20, 1))
    turned = transforms.decode_grey(encode(Image.fromarray(np.rot90(upright)), "PNG", exif=exif))
    np.testing.assert_array_equal(turned, upright)


def test_cmyk_and_one_bit_scans():
    ink = np.where(SCAN > 128, 255, 0).astype(np.uint8)
    one_bit = transforms.decode_grey(encode(Image.fromarray(ink).convert("1")))
    np.testing.assert_array_equal(one_bit, ink)
    smooth = np.tile(np.linspace(0, 255, 40).astype(np.uint8), (20, 1))
    cmyk = transforms.decode_grey(encode(Image.fromarray(smooth).convert("RGB").convert("CMYK"), "TIFF"))
    assert np.abs(cmyk.astype(int) - smooth).max() <= 2
    cmyk = transforms.decode_grey(encode(Image.fromarray(smooth).convert("RGB").convert("CMYK"), "JPEG", quality=95))
    assert np.abs(cmyk.astype(int) - smooth).max() <= 12


# labels and rows


def test_control_characters_and_nul_in_labels(tmp_path):
    folder = make_folder(tmp_path / "mine")
    table = folder / "words.tsv"
    text = table.read_text(encoding="utf-8")
    for row, label in ((7, "a\0b"), (8, "a\x1bb"), (9, "a\u2028b"), (10, "\ufeffmot0é\u200f")):
        text = text.replace(f"\n{row}.png\tmot{row % 10}é\t", f"\n{row}.png\t{label}\t")
    table.write_text(text, encoding="utf-8")
    skipped = skipped_of(tmp_path, folder, 57)
    assert sorted(skipped["control character"]["first"]) == [f"{i}.png (words.tsv line {i + 2})" for i in (7, 8, 9)]
    rows = {k: r for s in SPLITS for k, r in read_rows(tmp_path / "data", "word_folder/mine", s).items()}
    assert rows["10.png"]["text"].decode() == "mot0é"


def test_byte_order_mark_and_windows_line_ends(tmp_path):
    folder = make_folder(tmp_path / "mine")
    table = folder / "words.tsv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes().replace(b"\n", b"\r\n"))
    assert skipped_of(tmp_path, folder, 60) == {}
    rows = read_rows(tmp_path / "data", "word_folder/mine", "train")
    assert all(row["writer"].decode()[-1].isdigit() for row in rows.values())


def test_duplicate_ids_keep_the_first(tmp_path):
    folder = make_folder(tmp_path / "mine")
    with (folder / "words.tsv").open("a", encoding="utf-8") as table:
        table.write("3.png\tother\tw99\n")
    skipped = skipped_of(tmp_path, folder, 60)
    assert skipped["duplicate id"] == {"count": 1, "first": ["3.png (words.tsv line 62)"]}


def test_each_malformed_row_is_dropped_alone(tmp_path):
    folder = make_folder(tmp_path / "mine", table="words.jsonl")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    rows = [
        {"file": "5.png", "text": ["a", "b"]},
        {"file": "5.png", "text": True},
        {"file": "loop.png", "text": "a", "writer": "w1"},
        {"file": "a\0b.png", "text": "a", "writer": "w1"},
        {"file": "x" * 300 + ".png", "text": "a", "writer": "w1"},
    ]
    with (folder / "words.jsonl").open("a", encoding="utf-8") as table:
        table.writelines(json.dumps(row) + "\n" for row in rows)
        table.write('{"file": "6.png", "text": "a", "writer": "\\ud800"}\n{"file": "7.png", "text": "b\\ud800"}\n')
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    assert sum(summary["examples"].values()) == 60
    counts = {reason: rows["count"] for reason, rows in summary["skipped"].items()}
    assert sum(counts.values()) == 7
    assert counts["unreadable row"] == 2


@pytest.mark.parametrize("table", ["words.tsv", "words.csv"])
def test_rows_with_an_open_quote_or_too_many_fields_are_dropped_alone(tmp_path, table):
    folder = make_folder(tmp_path / "mine", table=table)
    path, mark = folder / table, "\t" if table == "words.tsv" else ","
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[8] += f"{mark}more"
    if mark == ",":
        lines[5], lines[25] = '4.png,"open,w4', '24.png,"open,w4'
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    skipped = skipped_of(tmp_path, folder, 59 if mark == "\t" else 57)
    messages = skipped["unreadable row"]["first"]
    assert f"{table} line 9: it has 4 fields, the header 3" in messages
    assert len(messages) == 60 - (59 if mark == "\t" else 57)


@pytest.mark.parametrize("ending", ["folder", ".zip", ".tgz"])
def test_equivalent_spellings_of_paths(tmp_path, ending):
    folder = make_folder(tmp_path / "mine")
    (folder / "e\u0301.png").write_bytes(png())  # decomposed, as some systems keep names
    with (folder / "words.tsv").open("a", encoding="utf-8") as table:
        table.write("\u00e9.png\ta\tw1\nnone/../5.png\ta\tw1\n./1.png\ta\tw1\n")
    skipped = skipped_of(tmp_path, folder if ending == "folder" else pack(folder, ending), 61)
    assert skipped["duplicate id"]["count"] == 2


def test_a_broken_row_does_not_hide_a_good_one_of_the_same_file(tmp_path):
    folder = make_folder(tmp_path / "mine")
    table = folder / "words.tsv"
    text = table.read_text(encoding="utf-8").replace("5.png\tmot5é\t", "5.png\t \t", 1) + "5.png\tgood\tw5\n"
    table.write_text(text, encoding="utf-8")
    assert list(skipped_of(tmp_path, folder, 60)) == ["empty text"]


def test_a_table_in_another_encoding_is_an_error_with_its_line(tmp_path):
    folder = make_folder(tmp_path / "mine")
    text = (folder / "words.tsv").read_text(encoding="utf-8").replace("é", "e").replace("mot4e", "mot4é", 1)
    (folder / "words.tsv").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"words.tsv in .*, line 6, is not UTF-8: .*; save it as UTF-8"):
        prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))


def test_lines_end_at_line_ends_alone():
    assert text_lines("a\r\nb\x0bc\u2028d\ne") == ["a", "b\x0bc\u2028d", "e"]


# paths, links, archives


def test_paths_that_leave_the_folder_are_skipped(tmp_path):
    folder = make_folder(tmp_path / "mine")
    (tmp_path / "secret.png").write_bytes(png())
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "inner.png").symlink_to(folder / "1.png")
    with (folder / "words.tsv").open("a", encoding="utf-8") as table:
        table.write(f"../secret.png\ta\tw1\n{tmp_path / 'secret.png'}\ta\tw1\nlink.png\ta\tw1\ninner.png\ta\tw1\n")
    skipped = skipped_of(tmp_path, folder, 61)  # a link inside the folder is a file of it
    assert [name.split(" ")[0] for name in skipped["unreadable image"]["first"]] == [
        "../secret.png",
        str(tmp_path / "secret.png"),
        "link.png",
    ]
    assert all("leads out of the source" in name for name in skipped["unreadable image"]["first"])


def hostile_tar(path, folder):
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, ".")
        for name, kind, target in (
            ("../escape.png", tarfile.REGTYPE, ""),
            ("soft.png", tarfile.SYMTYPE, "/etc/passwd"),
            ("hard.png", tarfile.LNKTYPE, "./1.png"),
            ("pipe.png", tarfile.FIFOTYPE, ""),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            data = png() if kind == tarfile.REGTYPE else b""
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def test_tar_with_escaping_paths_links_and_devices(tmp_path):
    folder = make_folder(tmp_path / "mine")
    with (folder / "words.tsv").open("a", encoding="utf-8") as table:
        table.writelines(f"{name}\ta\tw1\n" for name in ("../escape.png", "soft.png", "hard.png", "pipe.png"))
    archive = tmp_path / "mine.tgz"
    hostile_tar(archive, folder)
    before = set(tmp_path.iterdir())
    skipped = skipped_of(tmp_path, archive, 60)
    assert set(tmp_path.iterdir()) - before == {tmp_path / "data"}
    messages = skipped["unreadable image"]["first"]
    assert "leads out of the archive" in messages[0]
    assert all("is a link or a device, not a file" in message for message in messages[1:])
    assert len(messages) == 4


def test_zip_with_escaping_paths(tmp_path):
    folder = make_folder(tmp_path / "mine")
    (tmp_path / "secret.png").write_bytes(png())
    with (folder / "words.tsv").open("a", encoding="utf-8") as table:
        table.write("../../secret.png\ta\tw1\n")
    skipped = skipped_of(tmp_path, pack(folder, ".zip"), 60)
    (message,) = skipped["unreadable image"]["first"]
    assert message == "../../secret.png (inner/words.tsv line 62): leads out of the source"


def test_decompression_bombs_are_not_unpacked(tmp_path, monkeypatch):
    folder = make_folder(tmp_path / "mine")
    (folder / "7.png").write_bytes(b"\0" * 2_000_000)
    monkeypatch.setattr(raw_files, "_MAX_FILE_BYTES", 1_000_000)
    archives = [tmp_path / "a.zip", pack(folder, ".tgz")]
    with zipfile.ZipFile(archives[0], "w", zipfile.ZIP_DEFLATED) as file:
        for path in folder.rglob("*"):
            file.write(path, path.name)
    for i, source in enumerate([*archives, folder]):
        summary = prepare_dataset("word_folder", str(tmp_path / f"data{i}"), str(source))
        assert sum(summary["examples"].values()) == 59
        assert "more than 1000000" in summary["skipped"]["unreadable image"]["first"][0]
    monkeypatch.setattr(raw_files, "_MAX_GROWTH", 5)
    monkeypatch.setattr(raw_files, "_FREE_GROWTH_BYTES", 0)
    with pytest.raises(UserError, match=r"unpacks to more than 5 times its size"):
        prepare_dataset("word_folder", str(tmp_path / "data9"), str(archives[1]))


@pytest.mark.parametrize("ending", [".zip", ".tgz", ".tar"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95, "between members", "a header"])
def test_archive_cut_short_or_damaged_in_a_header(tmp_path, ending, share):
    archive = pack(make_folder(tmp_path / "mine"), ending)
    data = bytearray(archive.read_bytes())
    if isinstance(share, float):
        del data[int(share * len(data)) :]
    elif ending == ".tar":
        with tarfile.open(archive) as file:
            offset = file.getmembers()[40].offset
        if share == "a header":
            data[offset : offset + 8] = b"\xff" * 8
        else:
            del data[offset:]
    else:
        pytest.skip("checksums cover this")
    archive.write_bytes(data)
    with pytest.raises(UserError, match=rf"cannot read .*mine\{ending}: .*is the file whole"):
        prepare_dataset("word_folder", str(tmp_path / "data"), str(archive))
    assert not list((tmp_path / "data").rglob("summary.json"))


def test_archive_with_one_damaged_member(tmp_path):
    archive = pack(make_folder(tmp_path / "mine"), ".zip")
    with zipfile.ZipFile(archive) as file:
        info = file.getinfo("inner/7.png")
    data = bytearray(archive.read_bytes())
    data[info.header_offset + 120] ^= 0xFF
    archive.write_bytes(data)
    skipped = skipped_of(tmp_path, archive, 59)
    assert "7.png (inner/words.tsv line 9): Bad CRC-32" in skipped["unreadable image"]["first"][0]


def test_sources_of_unknown_kind_are_errors(tmp_path):
    (tmp_path / "words.rar").write_bytes(b"Rar!")
    with pytest.raises(UserError, match=r"neither a folder nor one of .zip"):
        RawFiles(tmp_path / "words.rar")
    (tmp_path / "words.zip").write_bytes(b"")
    with pytest.raises(UserError, match="is the file whole"):
        RawFiles(tmp_path / "words.zip")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_files_without_read_permission_are_skipped(tmp_path):
    folder = make_folder(tmp_path / "mine")
    (folder / "7.png").chmod(0)
    assert "7.png" in skipped_of(tmp_path, folder, 59)["unreadable image"]["first"][0]


def test_links_to_pipes_are_skipped(tmp_path):
    """Reading one would never end."""
    folder = make_folder(tmp_path / "mine")
    os.mkfifo(tmp_path / "mine" / "pipe")
    (folder / "7.png").unlink()
    (folder / "7.png").symlink_to("pipe")
    assert "is not a regular file" in skipped_of(tmp_path, folder, 59)["unreadable image"]["first"][0]


# archives and XML that would take the memory


def tar_with(path, kind, header):
    """A gzipped tar whose first member has an extended header: a pax record or a long name."""
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, len(header)
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(info.tobuf(tarfile.USTAR_FORMAT))
        file.write(header + b"\0" * (-len(header) % 512))
        file.write(tarfile.TarInfo("a.png").tobuf(tarfile.USTAR_FORMAT) + b"\0" * 1024)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_extended_headers_of_a_tar_are_short(tmp_path, kind):
    tar_with(tmp_path / "a.tgz", kind, b"x" * (2 << 20))
    with held(), pytest.raises(UserError, match="a header of 2097152 bytes"):
        RawFiles(tmp_path / "a.tgz")


def test_numbers_of_members(tmp_path, monkeypatch):
    monkeypatch.setattr(raw_files, "_MAX_MEMBERS", 10)
    monkeypatch.setattr(raw_files, "_MAX_DIRECTORY_BYTES", 1000)
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        for number in range(12):
            archive.addfile(tarfile.TarInfo(f"{number}.png"))
    with pytest.raises(UserError, match="more than 10 members"):
        RawFiles(tmp_path / "a.tgz")
    for comment in (b"", b"a comment"):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for number in range(20):
                archive.writestr(f"{number}.png", "x")
            archive.comment = comment
        with pytest.raises(UserError, match="lists more files"):
            RawFiles(tmp_path / "a.zip")


def test_the_directory_of_a_zip64(tmp_path):
    """Its size stands in another record than that of a small archive."""
    tail = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 9, 9, 10**9, 0)
    tail += struct.pack("<4sIQI", b"PK\x06\x07", 0, 0, 1)
    tail += struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    (tmp_path / "a.zip").write_bytes(b"x" * 100 + tail)
    with held(), pytest.raises(UserError, match="lists more files"):
        RawFiles(tmp_path / "a.zip")


@pytest.mark.parametrize("ending", [".tgz", ".tar.gz", ".tar.xz", ".tar.bz2", ".tar", ".zip"])
@pytest.mark.parametrize(
    "content", [b"", b"no archive", b"\x1f\x8b\x08\x00garbage" * 9, b"BZh9garbage", b"\xfd7zXZ\x00bad"]
)
def test_errors_of_decompressors(tmp_path, ending, content):
    (tmp_path / f"a{ending}").write_bytes(content)
    with pytest.raises(UserError, match="cannot read"):
        RawFiles(tmp_path / f"a{ending}")


@pytest.mark.parametrize("ending", [".tgz", ".tar.xz", ".tar.bz2"])
def test_archives_flipped_at_any_place(tmp_path, ending):
    folder = make_folder(tmp_path / "mine")
    whole = pack(folder, ending).read_bytes()
    path = tmp_path / f"broken{ending}"
    for place in range(10, len(whole), len(whole) // 12):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with held():
            RawFiles(path).names()


def test_xml_of_bounded_size(monkeypatch):
    monkeypatch.setattr(xml_tree, "_MAX_ELEMENTS", 1000)
    assert len(parse_xml(b"<a>" + b"<b/>" * 999 + b"</a>")) == 999
    with pytest.raises(ValueError, match="more than 1000 elements"):
        parse_xml(b"<a>" + b"<b/>" * 1000 + b"</a>")
    with pytest.raises(ValueError, match="more than 67"):
        parse_xml(b" " * (xml_tree._MAX_BYTES + 1))
    for text in (b"<a>" * 100_000, b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", b"\xff\xfe", b"<a", b""):
        with pytest.raises(ValueError):
            parse_xml(text)
