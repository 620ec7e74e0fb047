"""Telling in which encoding a text file is: never by guessing, so never into mojibake.

UTF-8 and, by its mark, UTF-16 are certain. Of the Vietnamese encodings before them,
Windows-1258 and TCVN3 (the fonts of .VnTime), the header is the proof: only decoded
rightly does it name columns that we know. A file without that proof is refused, with
the name of the encoding that it seems to be in.
"""

import codecs
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from okr_service.imports.errors import UnknownEncoding

SAMPLE_BYTES = 65_536

_TCVN3 = (
    "µ¸¶·¹¨»¾¼½Æ©ÇÊÈÉË®ÌÐÎÏÑªÒÕÓÔÖ×ÝØÜÞßãáâä«åèæçé¬êíëìîïóñòô\u00adõøö÷ùúýûüþ¡¢§£¤¥¦",
    "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵĂÂĐÊÔƠƯ",
)
_FROM_TCVN3 = str.maketrans(*_TCVN3)
_TONES = "\u0300\u0301\u0303\u0309\u0323"
_VOWELS = set("aăâeêioôơuưyAĂÂEÊIOÔƠUƯY")
_SEEMS = 0.6
_ASCII = 128


@dataclass(frozen=True)
class Encoding:
    """How bytes become text: a codec, and what its letters stand for."""

    codec: str
    letters: Mapping[int, int] = field(default_factory=dict)

    def text(self, sample: bytes) -> str:
        """Decode the beginning of a file, wherever it was cut."""
        decoder = codecs.getincrementaldecoder(self.codec)()
        return decoder.decode(sample).translate(self.letters)


_UTF_8 = Encoding("utf-8-sig")
_MARKED = {codecs.BOM_UTF16_LE: Encoding("utf-16"), codecs.BOM_UTF16_BE: Encoding("utf-16")}
_BEFORE_UNICODE = (Encoding("cp1258"), Encoding("latin-1", _FROM_TCVN3))


def encoding_of(sample: bytes, known_headers: Callable[[str], int]) -> Encoding:
    """Return the encoding of a file by its first bytes.

    Raises:
        UnknownEncoding: it is not UTF-8, and the header does not say what else.
    """
    if (marked := _MARKED.get(sample[:2])) is not None:
        return marked
    try:
        _UTF_8.text(sample)
    except UnicodeDecodeError as error:
        return _proved(sample, known_headers, sample[: error.start].count(b"\n") + 1)
    return _UTF_8


def _proved(sample: bytes, known_headers: Callable[[str], int], row: int) -> Encoding:
    found: dict[int, Encoding] = {}
    for encoding in _BEFORE_UNICODE:
        try:
            found.setdefault(known_headers(encoding.text(sample)), encoding)
        except UnicodeDecodeError:
            continue
    best = max(found, default=0)
    if best == 0:
        raise UnknownEncoding(row, seeming(sample))
    return found[best]


def seeming(data: bytes) -> str:
    """Name the encoding that text which is not UTF-8 seems to be in."""
    text = data.decode("cp1258", errors="replace")
    tones = [place for place, letter in enumerate(text) if letter in _TONES]
    fitting = sum(1 for place in tones if text[place - 1 : place] in _VOWELS)
    if tones and fitting / len(tones) > _SEEMS:
        return "Windows-1258"
    high = [byte for byte in data if byte >= _ASCII]
    if high and sum(1 for byte in high if byte in _FROM_TCVN3) / len(high) > _SEEMS:
        return "TCVN3"
    return "ISO-8859/Windows-125x"


def is_tcvn3(text: str, known_headers: Callable[[str], int]) -> bool:
    """Say whether text in a workbook is meant to be seen in a TCVN3 font."""
    return known_headers(text.translate(_FROM_TCVN3)) > known_headers(text)
