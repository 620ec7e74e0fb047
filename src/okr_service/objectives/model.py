"""How objectives, key results and their plans are stored.

`progress` is computed by PostgreSQL from the columns beside it, by the formulas
of the rollup (see `okr_service.rollup`): on a key result from its values, on an
objective from the exact sums over its contributors. `okr_ratio(part, whole)` is
the exact quotient rounded half away from zero to 6 decimals.
"""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKeyConstraint, Index, Text, false
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.forest import TreeRow
from okr_service.kernel.model import Model, Resource, foreign_key_index
from okr_service.kernel.search import search_column, search_index

_ALIVE = "deleted_at IS NULL"
# Room in each page for the new versions of rows that check-ins rewrite all day.
_ROOMY = {"postgresql_with": {"fillfactor": 80}}

RAW_PROGRESS = """CASE metric
    WHEN 'increase' THEN coalesce(
        okr_ratio(current_value - start_value, target_value - start_value), 0)
    WHEN 'decrease' THEN coalesce(
        okr_ratio(current_value - start_value, target_value - start_value), 0)
    WHEN 'at_least' THEN coalesce((current_value >= target_value)::int, 0)
    WHEN 'at_most' THEN coalesce((current_value <= target_value)::int, 0)
    WHEN 'between' THEN coalesce((current_value BETWEEN target_value AND target_max)::int, 0)
    WHEN 'boolean' THEN coalesce(okr_ratio(current_value, 1), 0)
    WHEN 'actions' THEN coalesce(okr_ratio(done_weight, action_weight), 0)
END"""


class Objective(TreeRow):
    """What a unit or person wants to reach in a cycle."""

    __tablename__ = "objectives"
    __table_args__ = (
        Index(
            "objectives_tenant_id_external_id_key",
            "tenant_id",
            "external_id",
            unique=True,
            postgresql_where=_ALIVE,
        ),
        ForeignKeyConstraint(["tenant_id", "unit_id"], ["units.tenant_id", "units.id"]),
        ForeignKeyConstraint(["tenant_id", "owner_id"], ["people.tenant_id", "people.id"]),
        ForeignKeyConstraint(["tenant_id", "cycle_id"], ["cycles.tenant_id", "cycles.id"]),
        ForeignKeyConstraint(["tenant_id", "parent_id"], ["objectives.tenant_id", "objectives.id"]),
        CheckConstraint("state IN ('draft', 'active', 'closed', 'cancelled')", name="state"),
        CheckConstraint("ambition IN ('committed', 'aspirational')", name="ambition"),
        CheckConstraint("weight >= 0", name="weight"),
        foreign_key_index("unit_id"),
        foreign_key_index("owner_id"),
        ForeignKeyConstraint(
            ["tenant_id", "carried_over_from_id"], ["objectives.tenant_id", "objectives.id"]
        ),
        CheckConstraint("final_score BETWEEN 0 AND 1", name="final_score"),
        foreign_key_index("cycle_id"),
        Index(None, "tenant_id", "parent_id", "position", "id"),
        foreign_key_index("carried_over_from_id", seldom=True),
        Index(None, "tenant_id", "id", postgresql_where=f"state = 'active' AND {_ALIVE}"),
        search_index(),
        _ROOMY,
    )

    title: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    unit_id: Mapped[UUID]
    owner_id: Mapped[UUID | None]
    cycle_id: Mapped[UUID]
    parent_id: Mapped[UUID | None]
    weight: Mapped[Decimal]
    state: Mapped[str]
    ambition: Mapped[str]
    private: Mapped[bool] = mapped_column(default=False, server_default=false())
    position: Mapped[int] = mapped_column(default=0, server_default="0")
    closed_at: Mapped[datetime | None]
    final_score: Mapped[Decimal | None]
    retrospective: Mapped[str] = mapped_column(default="", server_default="")
    carried_over_from_id: Mapped[UUID | None]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    links: Mapped[list[dict[str, str]]] = mapped_column(JSONB)
    deleted_at: Mapped[datetime | None]
    weight_sum: Mapped[Decimal] = mapped_column(default=Decimal(0), server_default="0")
    progress_sum: Mapped[Decimal] = mapped_column(default=Decimal(0), server_default="0")
    progress: Mapped[Decimal | None] = mapped_column(
        Computed("okr_ratio(progress_sum, weight_sum)", persisted=True)
    )
    search: Mapped[str] = search_column("title", "description")


class KeyResult(Resource):
    """A measured figure with start, target and current value."""

    __tablename__ = "key_results"
    __table_args__ = (
        Index(
            "key_results_tenant_id_external_id_key",
            "tenant_id",
            "external_id",
            unique=True,
            postgresql_where=_ALIVE,
        ),
        ForeignKeyConstraint(
            ["tenant_id", "objective_id"], ["objectives.tenant_id", "objectives.id"]
        ),
        ForeignKeyConstraint(["tenant_id", "owner_id"], ["people.tenant_id", "people.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "feeds_id"], ["key_results.tenant_id", "key_results.id"]
        ),
        CheckConstraint("weight >= 0", name="weight"),
        CheckConstraint(
            """CASE source
                WHEN 'check_ins' THEN metric <> 'actions' AND aggregate IS NULL
                WHEN 'actions' THEN metric = 'actions' AND aggregate IS NULL AND feeds_id IS NULL
                WHEN 'children' THEN metric <> 'actions'
                    AND (aggregate IN ('sum', 'average', 'min', 'max')) IS TRUE
                ELSE false
            END""",
            name="source",
        ),
        CheckConstraint("cadence IN ('weekly', 'every_two_weeks', 'monthly')", name="cadence"),
        CheckConstraint(
            """CASE metric
                WHEN 'increase' THEN target_value > start_value IS TRUE
                WHEN 'decrease' THEN target_value < start_value IS TRUE
                WHEN 'at_least' THEN target_value IS NOT NULL
                WHEN 'at_most' THEN target_value IS NOT NULL
                WHEN 'between' THEN target_value <= target_max IS TRUE
                WHEN 'boolean' THEN target_value IS NULL
                WHEN 'actions' THEN target_value IS NULL
                ELSE false
            END""",
            name="metric",
        ),
        Index(None, "tenant_id", "objective_id", "position", "id"),
        foreign_key_index("owner_id"),
        foreign_key_index("feeds_id", seldom=True),
        search_index(),
        _ROOMY,
    )

    objective_id: Mapped[UUID]
    title: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    metric: Mapped[str]
    unit_of_measure: Mapped[str | None]
    format: Mapped[str]
    currency: Mapped[str | None]
    start_value: Mapped[Decimal | None]
    target_value: Mapped[Decimal | None]
    target_max: Mapped[Decimal | None]
    weight: Mapped[Decimal]
    owner_id: Mapped[UUID | None]
    start_date: Mapped[date | None]
    due_date: Mapped[date | None]
    cadence: Mapped[str | None]
    source: Mapped[str] = mapped_column(default="check_ins", server_default="check_ins")
    aggregate: Mapped[str | None]
    feeds_id: Mapped[UUID | None]
    position: Mapped[int] = mapped_column(default=0, server_default="0")
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    links: Mapped[list[dict[str, str]]] = mapped_column(JSONB)
    deleted_at: Mapped[datetime | None]
    current_value: Mapped[Decimal | None]
    observed_at: Mapped[datetime | None]
    confidence: Mapped[str | None]
    action_weight: Mapped[Decimal] = mapped_column(default=Decimal(0), server_default="0")
    done_weight: Mapped[Decimal] = mapped_column(default=Decimal(0), server_default="0")
    raw_progress: Mapped[Decimal] = mapped_column(Computed(RAW_PROGRESS, persisted=True))
    progress: Mapped[Decimal] = mapped_column(
        Computed(f"least(greatest({RAW_PROGRESS}, 0), 1)", persisted=True)
    )
    search: Mapped[str] = search_column("title")


class PlannedValue(Model):
    """The value that a key result's plan wants on a day."""

    __tablename__ = "planned_values"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "key_result_id"], ["key_results.tenant_id", "key_results.id"]
        ),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    key_result_id: Mapped[UUID] = mapped_column(primary_key=True)
    on_date: Mapped[date] = mapped_column(primary_key=True)
    value: Mapped[Decimal]
