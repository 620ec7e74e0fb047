"""What supervisors and load balancers ask: whether the process lives and takes requests."""

from fastapi import FastAPI
from starlette.responses import JSONResponse

from okr_service.kernel.database import Database
from okr_service.kernel.migrations import fits


class Readiness:
    """Whether requests may be sent to this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._leaving = False

    def leave(self) -> None:
        """Ask for no more requests, for the process will end; it answers those it gets."""
        self._leaving = True

    async def state(self) -> str:
        """Return `ok`, `leaving`, or `unavailable` for want of the database or of its tables."""
        if self._leaving:
            return "leaving"
        ready = await self._database.is_ready() and await fits(self._database)
        return "ok" if ready else "unavailable"


def install(app: FastAPI, readiness: Readiness) -> None:
    """Answer the probes."""

    @app.get("/healthz", tags=["operation"])
    async def is_alive() -> JSONResponse:
        """Say that the process answers."""
        return JSONResponse({"status": "ok"})

    @app.get("/readyz", tags=["operation"])
    async def is_ready() -> JSONResponse:
        """Say whether the database answers and has the tables that this version needs."""
        state = await readiness.state()
        return JSONResponse({"status": state}, 200 if state == "ok" else 503)
