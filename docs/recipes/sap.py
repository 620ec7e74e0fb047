"""Send revenue of SAP S/4HANA: `python sap.py sap.json`, once with --set-up before."""

import json
import sys
from calendar import monthrange
from datetime import datetime
from pathlib import Path

from feeding import HANOI, send, service, set_up
from okr_client.models import (
    Aggregation,
    NewFeedMapping,
    NewFeedMappingDimensions,
    NewReading,
    NewReadingDimensions,
)

METRIC = "AmountInCompanyCodeCurrency"
COMPANIES = {"1200": "external:MT-GACH-01/KR1", "1300": "external:MT-THEP-01/KR1"}


def mapping(company: str, key_result: str) -> NewFeedMapping:
    """Sum a company's periods; SAP books revenue as credit, which is negative."""
    of = NewFeedMappingDimensions.from_dict({"CompanyCode": company})
    return NewFeedMapping(
        key_result, METRIC, dimensions=of, aggregation=Aggregation.SUM, negated=True
    )


def reading(line: dict[str, str]) -> NewReading:
    """Return what a line of the ledger is: of the end of its period, known by its account."""
    year, month = int(line["FiscalYear"]), int(line["FiscalPeriod"])
    # Periods 13 to 16 are for closing entries, and belong to December.
    month = min(month, 12)
    end = datetime(year, month, monthrange(year, month)[1], 23, 59, 59, tzinfo=HANOI)
    of = NewReadingDimensions.from_dict({"CompanyCode": line["CompanyCode"]})
    known_by = "/".join(line[part] for part in ("CompanyCode", "GLAccount", "FiscalPeriod"))
    return NewReading(METRIC, end, known_by, line[METRIC], dimensions=of)


with service() as okr:
    if "--set-up" in sys.argv:
        set_up(okr, "sap", "SAP S/4HANA", {c: mapping(c, k) for c, k in COMPANIES.items()})
    # Decimals stay the text they are: a float would lose digits.
    lines = json.loads(Path(sys.argv[1]).read_text("utf-8"), parse_float=str)["value"]
    send(okr, "sap", [reading(line) for line in lines])
