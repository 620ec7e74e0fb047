"""A transaction pooler, where there is one."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from sqlalchemy.engine import URL
from tests.kernel import pooler

from okr_service.kernel.servers import database_url
from okr_service.settings import Settings

Pooled = Callable[[str], str]


@pytest.fixture(scope="session")
def pooled(settings: Settings) -> Iterator[Pooled]:
    """Run PgBouncer; returns what makes a database's URL lead through it."""
    if pooler.program() is None and not pooler.is_required():
        pytest.skip("PgBouncer is not here: apt-get install pgbouncer")
    with pooler.pooling(database_url(settings.database_url.get_secret_value())) as through:
        yield partial(_led, through)


@pytest.fixture
def pooled_for_jobs(settings: Settings) -> Iterator[Pooled]:
    """Run one with as many servers as jobs need: an import reads beside its transaction."""
    if pooler.program() is None and not pooler.is_required():
        pytest.skip("PgBouncer is not here: apt-get install pgbouncer")
    server = database_url(settings.database_url.get_secret_value())
    with pooler.pooling(server, servers=6) as through:
        yield partial(_led, through)


def _led(through: URL, url: str) -> str:
    led: URL = through.set(database=database_url(url).database)
    return led.render_as_string(hide_password=False)
