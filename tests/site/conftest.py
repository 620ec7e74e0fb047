"""The demo, served, for pages to be run on."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest
from tests.conftest import API_KEY_SECRET, new_tenant, stop
from tests.rest.listening import listening
from tests.site.pages import DOCS, ROOT

from okr_service.demo.service import plan_demo
from okr_service.kernel.database import Database
from okr_service.kernel.servers import database_url
from okr_service.main import create_app
from okr_service.settings import Settings

DAY = date(2026, 9, 17)  # the pages show the figures of this day
Instead = dict[str, str]


@pytest.fixture
async def served(own_database_url: str, tmp_path: Path) -> AsyncIterator[Instead]:
    """Serve the demo in a tenant of the page's own, with the files of a checkout around it."""
    settings = Settings(
        database_url=own_database_url, api_key_secret=API_KEY_SECRET, login_failures_per_minute=0
    )
    app, database = create_app(settings), Database.as_owner(settings)
    tenant = await new_tenant(database)
    assert await plan_demo(database, tenant.tenant_id, DAY)
    checkout(tmp_path, tenant.key)
    async with listening(app, lifespan=True) as port:
        url = database_url(own_database_url).set(drivername="postgresql")
        owner = url.render_as_string(hide_password=False)
        yield {
            "127.0.0.1:8000": f"127.0.0.1:{port}",
            "postgresql://owner@db.example.com/okr": f"'{owner}'",
        }
    await stop(app)
    await database.close()


def checkout(folder: Path, key: str) -> None:
    """Lay out what pages find in a checkout where `make demo` runs."""
    (folder / ".venv").symlink_to(ROOT / ".venv")
    (folder / "docs").symlink_to(DOCS)
    (folder / ".data" / "demo").mkdir(parents=True)
    (folder / ".data" / "demo" / "admin-api-key").write_text(key)
