"""Keep tables for Power BI up to date: `python powerbi.py folder`, again whenever you like.

Writes objectives, key-results and check-ins as Parquet, each whole, and adds to progressed.csv how
figures moved since the last time.
"""

import csv
import sys
from pathlib import Path

from feeding import service, told
from okr_client import AuthenticatedClient
from okr_client.api.events import read_events
from okr_client.api.exports import export_check_ins, export_key_results, export_objectives
from okr_client.models import EventType, TableForm

MOVED = [EventType.OKR_KEY_RESULT_PROGRESSED, EventType.OKR_OBJECTIVE_PROGRESSED]
_MOST = 1000


def tables(okr: AuthenticatedClient, folder: Path) -> None:
    """Fetch each table anew; a reader never finds a part of one."""
    for name, export in (
        ("objectives", export_objectives),
        ("key-results", export_key_results),
        ("check-ins", export_check_ins),
    ):
        file = told(export.sync(TableForm.PARQUET, client=okr))
        part = folder / f"{name}.part"
        part.write_bytes(file.payload.read())
        part.replace(folder / f"{name}.parquet")


def movements(okr: AuthenticatedClient, folder: Path) -> int:
    """Add what moved since the last time, by the cursor that was kept; returns how much did."""
    kept, count = folder / "cursor", 0
    cursor = kept.read_text() if kept.exists() else None
    while True:
        page = told(read_events.sync(client=okr, after=cursor, types=MOVED, limit=_MOST))
        with (folder / "progressed.csv").open("a", encoding="utf-8", newline="") as file:
            for event in page.data:
                before, after = event.data.before, event.data.after
                figures = [change["progress"] if change else None for change in (before, after)]
                csv.writer(file).writerow([event.time.isoformat(), event.subject, *figures])
        cursor = page.page.next_cursor
        kept.write_text(cursor)
        count += len(page.data)
        if not page.page.has_more:
            return count


with service() as okr:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    tables(okr, folder)
    print(f"{movements(okr, folder)} movements")
