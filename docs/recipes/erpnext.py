"""Send what ERPNext invoiced: `python erpnext.py erpnext.json`, once with --set-up before."""

import json
import sys
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

METRIC = "total_qty"
COMPANIES = {"Công ty Xe máy An Vân Lĩnh": "external:MT-XEMAY-01/KR1"}
_CANCELLED = 2


def mapping(company: str, key_result: str) -> NewFeedMapping:
    """Sum a company's invoices."""
    of = NewFeedMappingDimensions.from_dict({"company": company})
    return NewFeedMapping(key_result, METRIC, dimensions=of, aggregation=Aggregation.SUM)


def reading(invoice: dict[str, str | int]) -> NewReading:
    """Return what an invoice is: known by its name, nothing any more once it is cancelled."""
    day = datetime.fromisoformat(str(invoice["posting_date"])).replace(tzinfo=HANOI)
    of = NewReadingDimensions.from_dict({"company": invoice["company"]})
    value = 0 if invoice["docstatus"] == _CANCELLED else invoice[METRIC]
    return NewReading(METRIC, day, str(invoice["name"]), value, dimensions=of)


with service() as okr:
    if "--set-up" in sys.argv:
        names = enumerate(COMPANIES.items(), 1)
        set_up(okr, "erpnext", "ERPNext", {f"{n}": mapping(c, k) for n, (c, k) in names})
    invoices = json.loads(Path(sys.argv[1]).read_text("utf-8"), parse_float=str)["data"]
    send(okr, "erpnext", [reading(invoice) for invoice in invoices])
