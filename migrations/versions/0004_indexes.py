"""Index what 0002 added, made while the service goes on.

Each step can be run again, should it be interrupted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INDEXES = (
    ("objectives", ["parent_id", "position", "id"], None),
    ("objectives", ["carried_over_from_id"], "carried_over_from_id IS NOT NULL"),
    ("key_results", ["feeds_id"], "feeds_id IS NOT NULL"),
)
_BY_TIME = ["tenant_id", "key_result_id", "observed_at", "recorded_at", "id"]


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for table, columns, condition in _INDEXES:
            _index(
                f"{table}_tenant_id_{'_'.join(columns)}_idx",
                table,
                ["tenant_id", *columns],
                postgresql_where=None if condition is None else sa.text(condition),
            )
        _drop_index("objectives_tenant_id_parent_id_idx", "objectives")
        op.create_index(
            "check_ins_by_time_idx",
            "check_ins",
            _BY_TIME,
            postgresql_include=["value", "voided_at"],
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        _drop_index("check_ins_latest_idx", "check_ins")
        _drop_index("check_ins_tenant_id_key_result_id_idx", "check_ins")


def _index(name: str, table: str, columns: list[str], **more: object) -> None:
    op.create_index(
        op.f(name), table, columns, postgresql_concurrently=True, if_not_exists=True, **more
    )


def _drop_index(name: str, table: str) -> None:
    op.drop_index(op.f(name), table, postgresql_concurrently=True, if_exists=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _index(
            "check_ins_latest_idx",
            "check_ins",
            _BY_TIME,
            postgresql_where=sa.text("voided_at IS NULL"),
        )
        for table, column in (("check_ins", "key_result_id"), ("objectives", "parent_id")):
            _index(f"{table}_tenant_id_{column}_idx", table, ["tenant_id", column])
        _drop_index("check_ins_by_time_idx", "check_ins")
        for table, columns, _ in _INDEXES:
            _drop_index(f"{table}_tenant_id_{'_'.join(columns)}_idx", table)
