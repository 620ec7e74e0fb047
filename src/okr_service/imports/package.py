"""Opening the zip archive that a workbook is, without trusting what it says of itself.

Whatever a reader would unpack is unpacked here first, part by part and never as a whole,
and counted; so an archive that states small sizes and holds much is stopped at the limit.
"""

import posixpath
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO
from xml.etree import ElementTree as ET

from okr_service.imports.errors import (
    MacroWorkbook,
    OtherFormat,
    PasswordProtected,
    UnpacksTooLarge,
    UnreadableWorkbook,
)

_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # how Office kept files before 2007
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_TAKEN_AT_ONCE = 1 << 20
_LARGEST_PART_IN_MEMORY = 32 << 20
_LOCAL_HEADER = 30
_NEWER = ".xlsx"
_WORKBOOK = "xl/workbook.xml"
_OF_OTHERS = {
    "xl/workbook.bin": "a binary workbook (.xlsb)",
    "word/document.xml": "a Word document",
    "ppt/presentation.xml": "a presentation",
    "content.xml": "an OpenDocument file",
    "index/document.iwa": "a Numbers document",
}
_BEGINNINGS = {
    b"%PDF": "a PDF",
    b"<": "a web page or XML",
    b"\x1f\x8b": "a gzip archive",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
}


def refuse_others(file: BinaryIO) -> None:
    """Refuse what is certainly no .xlsx workbook, by its name.

    Raises:
        PasswordProtected, OtherFormat.
    """
    file.seek(0)
    first = file.read(_LOCAL_HEADER)
    if first.startswith(_COMPOUND):
        file.seek(0)
        if _ENCRYPTED in file.read():
            raise PasswordProtected
        raise OtherFormat("an old workbook (.xls)", _NEWER)
    if first.startswith(b"PK"):
        return
    named = (name for start, name in _BEGINNINGS.items() if first.lstrip().startswith(start))
    raise OtherFormat(next(named, "no workbook"), _NEWER)


class Package:
    """The parts of a workbook's archive."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        """Open it.

        Raises:
            PasswordProtected, MacroWorkbook, OtherFormat, UnreadableWorkbook, UnpacksTooLarge.
        """
        refuse_others(file)
        self._file = file
        self._limit = limit
        self._unpacked = 0
        self.parts = {info.filename.lower(): info for info in self._directory(file)}
        self._check()

    @staticmethod
    def _directory(file: BinaryIO) -> list[zipfile.ZipInfo]:
        try:
            with zipfile.ZipFile(file) as archive:
                return archive.infolist()
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise UnreadableWorkbook("zip") from error

    def _check(self) -> None:
        infos = self.parts.values()
        if any(name.endswith("vbaproject.bin") for name in self.parts):
            raise MacroWorkbook
        for part, found in _OF_OTHERS.items():
            if part in self.parts and _WORKBOOK not in self.parts:
                raise OtherFormat(found, _NEWER)
        if _WORKBOOK not in self.parts:
            raise UnreadableWorkbook(_WORKBOOK)
        if any(info.flag_bits & 1 for info in infos):
            raise PasswordProtected
        if any(
            info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in infos
        ):
            raise UnreadableWorkbook("zip")
        if sum(info.file_size for info in infos) > self._limit:
            raise UnpacksTooLarge(self._limit)

    def chunks(self, name: str) -> Iterator[bytes]:
        """Unpack a part, piece by piece.

        Raises:
            UnreadableWorkbook, UnpacksTooLarge.
        """
        info = self.parts.get(name.lower())
        if info is None:
            raise UnreadableWorkbook(name)
        try:
            for chunk in self._unpack(info):
                self._unpacked += len(chunk)
                if self._unpacked > self._limit:
                    raise UnpacksTooLarge(self._limit)
                yield chunk
        except (zlib.error, struct.error, OSError) as error:
            raise UnreadableWorkbook(name) from error

    def _unpack(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        self._file.seek(info.header_offset)
        head = self._file.read(_LOCAL_HEADER)
        name, extra = struct.unpack_from("<HH", head, 26)
        self._file.seek(name + extra, 1)
        left = info.compress_size
        packed = info.compress_type == zipfile.ZIP_DEFLATED
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        while left > 0 and not inflate.eof:
            taken = self._file.read(min(left, _TAKEN_AT_ONCE >> 4))
            if not taken:
                raise UnreadableWorkbook(info.filename)
            left -= len(taken)
            if not packed:
                yield taken
                continue
            while taken and not inflate.eof:
                yield inflate.decompress(taken, _TAKEN_AT_ONCE)
                taken = inflate.unconsumed_tail
        if packed and not inflate.eof:
            raise UnreadableWorkbook(info.filename)

    def read(self, name: str) -> bytes:
        """Unpack a part that is small."""
        whole = bytearray()
        for chunk in self.chunks(name):
            whole += chunk
            if len(whole) > _LARGEST_PART_IN_MEMORY:
                raise UnpacksTooLarge(_LARGEST_PART_IN_MEMORY)
        return bytes(whole)

    def xml(self, name: str) -> ET.Element:
        """Parse a part that is small; one that declares entities is refused."""
        data = self.read(name)
        if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            raise UnreadableWorkbook(name)
        try:
            return ET.fromstring(data)  # noqa: S314 - there are no entities to expand
        except ET.ParseError as error:
            raise UnreadableWorkbook(name) from error

    def sheets(self) -> list[list[str]]:
        """Return the parts that each sheet's rows may be read from, in the workbook's order."""
        targets: dict[str, list[str]] = {}
        for relation in self.xml("xl/_rels/workbook.xml.rels"):
            path = posixpath.normpath(posixpath.join("/xl", relation.get("Target", "")))
            targets.setdefault(relation.get("Id", ""), []).append(path.lstrip("/"))
        sheets = [e for e in self.xml(_WORKBOOK).iter() if e.tag.rpartition("}")[2] == "sheet"]
        return [_targets(sheet, targets) for sheet in sheets]

    def count_others(self, counted: set[str]) -> None:
        """Unpack and count what else a reader unpacks."""
        for name in self.parts:
            if name.endswith((".xml", ".rels")) and name not in counted:
                for _ in self.chunks(name):
                    pass


def _targets(sheet: ET.Element, targets: dict[str, list[str]]) -> list[str]:
    ids = [value for name, value in sheet.attrib.items() if name.rpartition("}")[2] == "id"]
    found = [path for each in ids for path in targets.get(each, [])]
    if not found:
        raise UnreadableWorkbook(sheet.get("name", "sheet"))
    return found
