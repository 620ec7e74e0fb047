"""CSV in the encodings and separators that people have, and NDJSON."""

import codecs
from unicodedata import normalize

import pytest
from tests.imports.files import cells, places, read

from okr_service.imports.encodings import _FROM_TCVN3
from okr_service.imports.errors import (
    CellTooLong,
    EmptyTable,
    ExtraCells,
    ImportRejected,
    NotPlain,
    OtherFormat,
    TooManyColumns,
    UnknownColumn,
    UnknownEncoding,
    UnreadableTable,
)
from okr_service.imports.formats import Format

VIETNAMESE = "Mã mục tiêu;Mục tiêu;Chỉ tiêu\nMT-1;Tăng trưởng bền vững;1,5\n"
READ = [{"objective": "MT-1", "objective_title": "Tăng trưởng bền vững", "target": "1,5"}]
_TO_TCVN3 = {new: old for old, new in _FROM_TCVN3.items()}


_TONES = "\u0300\u0301\u0303\u0309\u0323"


def _windows_1258(text: str) -> bytes:
    """Encode as Windows does: a letter of the alphabet, then its tone."""
    parted = ""
    for letter in text:
        marks = normalize("NFD", letter)
        tone = "".join(mark for mark in marks if mark in _TONES)
        parted += normalize("NFC", "".join(m for m in marks if m not in _TONES)) + tone
    return parted.encode("cp1258")


def _tcvn3(text: str) -> bytes:
    return text.translate(_TO_TCVN3).encode("latin-1")


@pytest.mark.parametrize(
    "data",
    [
        VIETNAMESE.encode(),
        VIETNAMESE.encode("utf-8-sig"),
        VIETNAMESE.encode("utf-16"),
        codecs.BOM_UTF16_BE + VIETNAMESE.encode("utf-16-be"),
        VIETNAMESE.replace(";", "\t").encode("utf-16"),
        VIETNAMESE.replace("1,5", '"1,5"').replace(";", ",").encode(),
        VIETNAMESE.replace("\n", "\r\n").encode(),
        VIETNAMESE.replace("\n", "\r").encode(),
        ("sep=;\n" + VIETNAMESE).encode(),
        _windows_1258(VIETNAMESE),
        _tcvn3(VIETNAMESE),
    ],
)
def test_each_encoding_and_separator_is_read_as_meant(data: bytes) -> None:
    assert cells(data) == READ


def test_decomposed_letters_are_the_same_letters() -> None:
    assert cells(normalize("NFD", VIETNAMESE)) == READ


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (_windows_1258("Tăng trưởng bền vững"), "Windows-1258"),
        (_tcvn3("Tăng trưởng bền vững"), "TCVN3"),
    ],
)
def test_what_the_header_does_not_prove_is_refused_by_name(body: bytes, encoding: str) -> None:
    for ahead in (b"", b"A,x\n" * 20_000):  # beyond what is looked at first, too
        with pytest.raises(UnknownEncoding) as refused:
            cells(b"objective,objective_title\n" + ahead + b"A," + body + b"\n")
        assert refused.value.encoding == encoding
        assert refused.value.row == ahead.count(b"\n") + 2


def test_titles_above_the_header_and_row_numbers_are_passed_over() -> None:
    text = (
        "TẬP ĐOÀN SAO MAI;;;\nMục tiêu năm 2026;;;\n;;;\nSTT;Mã mục tiêu;Mục tiêu;Kỳ\n1;A;B;2026\n"
    )
    [row] = read(text).rows
    assert (row.number, row.cells) == (
        5,
        {"objective": "A", "objective_title": "B", "cycle": "2026"},
    )


def test_a_header_printed_again_on_the_next_page_is_no_row() -> None:
    assert cells("objective,note\nA,x\nobjective,note\nB,y\n") == [
        {"objective": "A", "note": "x"},
        {"objective": "B", "note": "y"},
    ]


def test_unknown_headers_are_named_with_what_may_be_meant() -> None:
    with pytest.raises(ImportRejected) as refused:
        read("objective,objetive_title,Chỉ tiu,Sở thích\nA,B,1,x\n")
    assert places(refused.value) == [
        ("B1", "objective_title", "unknown-column"),
        ("C1", "Chỉ tiêu", "unknown-column"),
        ("D1", None, "unknown-column"),
    ]


def test_a_header_that_names_another_magnitude_is_not_passed_over() -> None:
    assert cells("objective,Trọng số KR (%)\nA,5\n") == [
        {"objective": "A", "key_result_weight": "5"}
    ]
    with pytest.raises(ImportRejected) as refused:
        read("objective,Chỉ tiêu (tỷ đồng)\nA,5\n")
    assert places(refused.value)[0][2] == "unknown-column"


def test_duplicate_headers_are_refused() -> None:
    with pytest.raises(ImportRejected) as refused:
        read("objective,target,Chỉ tiêu\nA,1,2\n")
    assert places(refused.value) == [("C1", None, "column-repeats")]
    assert refused.value.errors[0].facts["other"] == "target"


def test_words_of_other_tools_are_understood() -> None:
    [row] = cells(
        "Dept code,Scope,Mã mục tiêu,Tên mục tiêu,Mã KR,Kết quả chính,Name,Weight,Assign to,"
        "Kết quả mong muốn,Tháng 3,Cam kết/Kỳ vọng,Trọng số mục tiêu\nKD,c,A,T,K,R,,2,MAI,9,4,Kỳ vọng,1\n".replace(
            ",Name", ""
        ).replace("R,,2", "R,2")
    )
    assert row == {
        "unit": "KD",
        "unit_kind": "c",
        "objective": "A",
        "objective_title": "T",
        "key_result": "K",
        "key_result_title": "R",
        "key_result_weight": "2",
        "owner": "MAI",
        "target": "9",
        "T3": "4",
        "ambition": "Kỳ vọng",
        "objective_weight": "1",
    }


def test_a_row_longer_than_the_header_is_no_slip_to_pass_over() -> None:
    [row] = read("objective,target\nA,1,234\n").rows
    assert isinstance(row.faults["target"], ExtraCells)
    assert cells("objective,target\nA,1,,\n") == [{"objective": "A", "target": "1"}]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", EmptyTable),
        (b"\n,,\n", EmptyTable),
        (b"objective\n" + b"\n" * 1000, EmptyTable),
        (("objective," + "x," * 17_000 + "\nA\n").encode(), TooManyColumns),
        (b"objective\nA\n" + b"," * 17_000 + b"x\n", TooManyColumns),
        (b'objective,note\nA,"' + b"x" * 1_048_576 + b'"\n', CellTooLong),
        (b'objective,note\nA,"cut off', UnreadableTable),
        (b'objective,note\nA,"b"c\n', UnreadableTable),
        (b"PK\x03\x04rest", OtherFormat),
        (b"\xff\xfea\x00\x00", UnreadableTable),
    ],
)
def test_hostile_text_is_refused(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        list(read(data).rows)


def test_a_million_empty_rows_are_nothing() -> None:
    data = b"objective,note\n" + b",\n" * 1_000_000 + b"A,x\n"
    [row] = read(data).rows
    assert row.number == 1_000_002


def test_lines_of_json_are_rows() -> None:
    table = read(
        '{"objective": "A", "target": 12345678901234567890.05, "current": null}\n\n'
        '{"Mã mục tiêu": "B", "start": "1,5", "target": true}\n',
        Format.NDJSON,
    )
    first, second = table.rows
    assert first.cells == {"objective": "A", "target": "12345678901234567890.05"}
    assert (second.number, second.cells) == (3, {"objective": "B", "start": "1,5", "target": "1"})


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("[1]", UnreadableTable),
        ("{", UnreadableTable),
        ('{"objective": NaN}', UnreadableTable),
        ("[" * 100_000, UnreadableTable),
        ('{"objective": "' + "x" * 2_000_000 + '"}', CellTooLong),
        ("", EmptyTable),
        ('{"objectiv": "A"}', ImportRejected),
        ('{"objective": "A", "objective": "B"}', ImportRejected),
        (b'{"objective": "\xff"}', UnknownEncoding),
    ],
)
def test_hostile_lines_are_refused(line: str | bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        list(read(line, Format.NDJSON).rows)


def test_lines_name_what_does_not_fit() -> None:
    [first, second] = read(
        '{"objective": "A"}\n{"objective": ["B"], "note": "\\ud800", "nots": 1}\n', Format.NDJSON
    ).rows
    assert not first.faults
    assert isinstance(second.faults["objective"], NotPlain)
    assert isinstance(second.faults["note"], NotPlain)
    unknown = second.faults["nots"]
    assert isinstance(unknown, UnknownColumn)
    assert unknown.suggestion == "note"
