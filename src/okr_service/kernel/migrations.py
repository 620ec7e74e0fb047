"""Bringing a database's tables to this version, and telling whether they are."""

import logging
import time
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from okr_service.kernel.database import SERVICE_ROLE, Database
from okr_service.kernel.translating import sqlstate

_LOCK_NOT_AVAILABLE = "55P03"
_TRIES, _PAUSE = 120, 0.5  # seconds, besides up to 0.8 of waiting
_log = logging.getLogger(__name__)
_PACKAGED = Path(__file__).parents[1] / "migrations"
_IN_CHECKOUT = Path(__file__).parents[3] / "migrations"


def _config(url: str) -> Config:
    config = Config()
    folder = _PACKAGED if _PACKAGED.is_dir() else _IN_CHECKOUT
    config.set_main_option("script_location", str(folder))
    config.attributes["url"] = url
    return config


def migrate(url: str, revision: str = "head") -> None:
    """Bring the tables up to a revision; a lock keeps others from doing so meanwhile.

    A step that gets no lock on a table within a moment lets those who wait behind it go
    first, and is tried again.

    Raises:
        DBAPIError: a step failed, or got no lock for two minutes.
    """
    for patience in reversed(range(_TRIES)):
        try:
            command.upgrade(_config(url), revision)
        except DBAPIError as error:
            if sqlstate(error) != _LOCK_NOT_AVAILABLE or not patience:
                raise
            _log.warning("a migration waits for a table that is in use")
            time.sleep(_PAUSE)
        else:
            return


def unmigrate(url: str, revision: str) -> None:
    """Take the tables back down to a revision; `base` removes them."""
    command.downgrade(_config(url), revision)


def revisions() -> list[str]:
    """Return every revision, from the first to the newest."""
    scripts = ScriptDirectory.from_config(_config("")).walk_revisions()
    return [script.revision for script in scripts][::-1]


def migration_sql(after: str, until: str) -> None:
    """Print the statements of the migrations after one revision, or `base`, until another."""
    command.upgrade(_config(""), f"{after}:{until}", sql=True)


def check_drift(url: str) -> None:
    """Raise alembic's CommandError where the models differ from the migrated tables."""
    command.check(_config(url))


@cache
def newest() -> str:
    """Return the revision that this version of the service needs."""
    head = ScriptDirectory.from_config(_config("")).get_current_head()
    assert head is not None, "there is at least one migration"
    return head


async def admit(owner: Database, login: str) -> None:
    """Let whoever logs in by a name act as the service's role.

    Raises:
        DBAPIError: the owner may not let it, or there is nobody of that name.
    """
    async with owner.transaction() as tx:
        may = select(func.pg_has_role(login, SERVICE_ROLE, "MEMBER"))
        if not await tx.scalar(may):
            grant = select(func.format(f"GRANT {SERVICE_ROLE} TO %I", login))
            await tx.execute(text(str(await tx.scalar(grant))))


async def fits(database: Database) -> bool:
    """Say whether the database's tables are those of this version, or of a later one.

    A release's migrations leave the tables fit for the code of the release before it, which
    goes on serving while it is replaced.
    """
    try:
        async with database.reading() as connection:
            found = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    except DBAPIError:
        return False
    return found is not None and found >= newest()  # revisions are numbered
