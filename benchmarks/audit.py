"""Measure how fast the audit is verified, and that this takes no more memory for more events.

Events, a hundred in each transaction, by eight connections and so in
several lanes of a tenant; `okr audit verify` over a tenth of them, then over all.

    .venv/bin/python -m benchmarks.audit [events]
"""

import asyncio
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.ground import ISSUING, ground
from okr_service.access.policy import Principal
from okr_service.audit.service import Change, record_all
from okr_service.credentials.tenants import found_with_key
from okr_service.kernel.database import Database
from okr_service.kernel.model import new_id
from okr_service.settings import Settings

_WRITERS, _EACH = 8, 100
_SAID = {"value": "12.5", "observed_at": "2026-09-30T00:00:00Z", "comment": "Vượt kế hoạch"}


async def _record(url: str, events: int) -> None:
    database = Database(Settings(database_url=url, pool_size=_WRITERS))
    async with database.transaction() as tx:
        tenant, _ = await found_with_key(tx, f"{events} events", ISSUING)
    who = Principal(tenant.tenant_id, "benchmark", {}, "benchmark")

    async def write() -> None:
        for _ in range(events // _WRITERS // _EACH):
            changes = [Change("created", "check_in", new_id(), after=_SAID) for _ in range(_EACH)]
            async with database.transaction() as tx:
                await record_all(tx, who, changes)

    await asyncio.gather(*(write() for _ in range(_WRITERS)))
    await database.close()


def _verify(url: str) -> None:
    environment = {**os.environ, "OKR_DATABASE_URL": url}
    start = time.perf_counter()
    okr = Path(sys.executable).with_name("okr")
    subprocess.run([okr, "audit", "verify"], env=environment, check=True)
    seconds = time.perf_counter() - start
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"{seconds:,.1f} s, at most {most} MiB so far", flush=True)


def main() -> None:
    """Record, verify, record more, verify all."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with ground(shared_buffers="1GB", max_wal_size="8GB") as url:
        for share in (events // 10, events - events // 10):
            asyncio.run(_record(url, share))
            _verify(url)


if __name__ == "__main__":
    main()
