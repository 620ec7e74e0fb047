"""Planting one regular tree of any size, for benchmarks."""

import time
from datetime import UTC, date, datetime
from uuid import UUID

from sqlalchemy import ARRAY, Integer, Text, Uuid, bindparam, text

from okr_service.access.policy import Principal, Scope, granted
from okr_service.cycles import service as cycles
from okr_service.cycles.shapes import NewCycle
from okr_service.kernel.database import Database, Transaction
from okr_service.kernel.forest import DEEPEST, hold_structure
from okr_service.kernel.sql import load_sql
from okr_service.organisation import service as organisation
from okr_service.organisation.shapes import NewUnit, UnitKind
from okr_service.rollup import service as rollup

_VERBS = [
    "Nâng cao hiệu quả",
    "Chuẩn hóa",
    "Hoàn thành kế hoạch",
    "Giảm chi phí và thời gian của",
    "Mở rộng quy mô",
    "Số hóa toàn bộ",
    "Ổn định chất lượng",
]
_THINGS = [
    "công tác bán hàng và chăm sóc đại lý",
    "hoạt động sản xuất",
    "quản lý kho và vận chuyển",
    "dòng tiền và công nợ",
    "đào tạo, giữ chân nhân sự chủ chốt",
    "bảo trì thiết bị",
    "dịch vụ sau bán hàng",
    "an toàn lao động và môi trường",
]
_PLACES = [
    "tại nhà máy số 1",
    "ở các tỉnh miền Trung",
    "trên địa bàn Tây Nguyên",
    "của khối văn phòng",
    "tại các cửa hàng trực thuộc",
]
_MEASURES = [
    "Tỷ lệ hoàn thành kế hoạch sản lượng quý",
    "Tỷ lệ đơn hàng giao đúng hạn cho khách",
    "Mức độ áp dụng quy trình mới tại các tổ",
    "Tỷ lệ nhân viên đạt chuẩn tay nghề sau đào tạo",
    "Tỷ lệ khách hàng hài lòng sau khảo sát",
    "Tiến độ giải ngân ngân sách đầu tư",
]
_TENANT, _CYCLE = bindparam("tenant_id", type_=Uuid), bindparam("cycle_id", type_=Uuid)
_SEED, _EACH = bindparam("seed", type_=Text), bindparam("each", type_=Integer)
_OBJECTIVES = load_sql(__package__, "large_objectives").bindparams(
    _TENANT,
    _CYCLE,
    _SEED,
    bindparam("unit_id", type_=Uuid),
    bindparam("fan_out", type_=Integer),
    *(bindparam(words, type_=ARRAY(Text)) for words in ("verbs", "things", "places")),
)
_KEY_RESULTS = load_sql(__package__, "large_key_results").bindparams(
    _TENANT, _CYCLE, _SEED, _EACH, bindparam("measures", type_=ARRAY(Text))
)
_CHECK_INS = load_sql(__package__, "large_check_ins").bindparams(_TENANT, _CYCLE, _SEED)
_ANALYZE = text("ANALYZE units, cycles, objectives, key_results, check_ins")


def fan_out_for(objectives: int, levels: int) -> int:
    """Return the least fan-out with which so many objectives have at most so many levels.

    Trees to be compared across sizes should be equally deep, for walking up costs
    by the level: with 7 levels 1,000 objectives want a fan-out of 3, 100,000 want
    7 and 1,000,000 want 10; with 4 levels 10, 47 and 100.
    """
    fan_out = 1
    while _room(fan_out, levels) < objectives:
        fan_out += 1
    return fan_out


def _room(fan_out: int, levels: int) -> int:
    return sum(fan_out**level for level in range(levels))


async def plant_large(
    database: Database,
    tenant_id: UUID,
    objectives: int,
    seed: int = 2026,
    fan_out: int = 8,
    key_results_each: int = 3,
) -> None:
    """Plant a complete tree `L-0` … of active objectives with reported key results.

    The parent of `L-<n>` is `L-<(n - 1) / fan_out>`; `fan_out_for` tells which
    fan-out gives a wanted depth. The same seed plants the same figures.

    Raises:
        ValueError: the tree would be deeper than objectives may be aligned.
        CycleCodeTaken, ExternalIdTaken: it has been planted for the tenant already.
    """
    if objectives < 1 or _room(fan_out, DEEPEST) < objectives:
        raise ValueError(f"{objectives} objectives do not fit under one root by {fan_out}")
    who = Principal(tenant_id, "demo", granted([Scope.ADMIN]), "demo")
    async with database.transaction(tenant_id) as tx:
        await _be_patient(tx)
        await hold_structure(tx, tenant_id, alone=True)
        unit_id, cycle_id = await _place(tx, who)
        of = {
            "tenant_id": tenant_id,
            "unit_id": unit_id,
            "cycle_id": cycle_id,
            "objectives": objectives,
            "fan_out": fan_out,
            "each": key_results_each,
            "seed": str(seed),
            "millis": time.time_ns() // 1_000_000,
            "verbs": _VERBS,
            "things": _THINGS,
            "places": _PLACES,
            "measures": _MEASURES,
        }
        for step in (_OBJECTIVES, _KEY_RESULTS, _CHECK_INS):
            await tx.execute(step, of)
            # What comes next, planned by statistics of empty tables, would take hours.
            await tx.execute(_ANALYZE)
        await rollup.recompute(tx, tenant_id)


async def _be_patient(tx: Transaction) -> None:
    for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        await tx.execute(text(f"SET LOCAL {limit} = 0"))


async def _place(tx: Transaction, who: Principal) -> tuple[UUID, UUID]:
    year = datetime.now(UTC).year
    new_unit = NewUnit(external_id="L", name="Đơn vị thử tải", kind=UnitKind.GROUP)
    unit = await organisation.create_unit(tx, who, new_unit)
    first, last = date(year, 1, 1), date(year, 12, 31)
    new_cycle = NewCycle(code=str(year), name=f"Năm {year}", start_date=first, end_date=last)
    cycle = await cycles.create_cycle(tx, who, new_cycle)
    return unit.id, cycle.id
