"""Send a sales report as MISA writes it: `python misa.py misa.csv`, once with --set-up before.

It takes CSV and XLSX: titles above the header, Vietnamese numbers, a line with the totals.
"""

import csv
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal

from python_calamine import load_workbook

from feeding import HANOI, send, service, set_up
from okr_client.models import (
    Aggregation,
    NewFeedMapping,
    NewFeedMappingDimensions,
    NewReading,
    NewReadingDimensions,
)

METRIC = "Số lượng bán"
MEASURES = {"Tấn": "external:MT-THEP-01/KR2"}
_KNOWN_BY, _MEASURE, _TOTALS = "Mã hàng", "ĐVT", "Tổng cộng"
_UNTIL = re.compile(r"đến ngày (\d\d)/(\d\d)/(\d{4})")


def mapping(measure: str, key_result: str) -> NewFeedMapping:
    """Sum what was sold by a unit of measure."""
    of = NewFeedMappingDimensions.from_dict({_MEASURE: measure})
    return NewFeedMapping(key_result, METRIC, dimensions=of, aggregation=Aggregation.SUM)


def figure(cell: str) -> Decimal:
    """Read 1.234,5; what is in brackets is below zero, and nothing is 0."""
    sign = -1 if cell.startswith("(") else 1
    return sign * Decimal(cell.strip("()").replace(".", "").replace(",", ".") or "0")


def rows(name: str) -> list[list[str]]:
    """Return the cells of a report, written as people in Vietnam write them."""
    if name.endswith(".xlsx"):
        cells = load_workbook(name).get_sheet_by_index(0).to_python()
        return [[_written(cell) for cell in row] for row in cells]
    with open(name, encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=";"))


def _written(cell: object) -> str:
    return f"{cell!r}".replace(".", ",") if isinstance(cell, float) else str(cell)


def last_day(report: Sequence[Sequence[str]]) -> date:
    """Return the last day that a report is about, which its titles tell."""
    for row in report:
        if found := _UNTIL.search(" ".join(row)):
            day, month, year = map(int, found.groups())
            return date(year, month, day)
    raise SystemExit("the report does not say until which day it is")


def readings(report: Sequence[Sequence[str]]) -> Iterator[NewReading]:
    """Return what each line of a report is, known by the code of what was sold."""
    moment = datetime.combine(last_day(report), time(23, 59, 59), HANOI)
    header = next(place for place, row in enumerate(report) if _KNOWN_BY in row)
    for row in report[header + 1 :]:
        if _TOTALS in row:
            return  # what follows are signatures
        line = dict(zip(report[header], row, strict=False))
        if line.get(_KNOWN_BY):
            of = NewReadingDimensions.from_dict({_MEASURE: line[_MEASURE]})
            value = str(figure(line[METRIC]))
            yield NewReading(METRIC, moment, line[_KNOWN_BY], value, dimensions=of)


with service() as okr:
    if "--set-up" in sys.argv:
        names = enumerate(MEASURES.items(), 1)
        set_up(okr, "misa", "MISA AMIS", {f"{n}": mapping(m, k) for n, (m, k) in names})
    send(okr, "misa", list(readings(rows(sys.argv[1]))))
