"""Index the links that 0011 added, while the service goes on.

Each step can be run again, should it be interrupted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_LINKS = ("person_id", "replaces_id")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for column in _LINKS:
            op.create_index(
                op.f(f"api_keys_tenant_id_{column}_idx"),
                "api_keys",
                ["tenant_id", column],
                postgresql_where=sa.text(f"{column} IS NOT NULL"),
                postgresql_concurrently=True,
                if_not_exists=True,
            )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for column in _LINKS:
            op.drop_index(
                op.f(f"api_keys_tenant_id_{column}_idx"),
                "api_keys",
                postgresql_concurrently=True,
                if_exists=True,
            )
