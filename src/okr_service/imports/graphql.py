"""Imports that run as jobs in GraphQL; files are sent and given back over REST."""

from datetime import timedelta
from typing import Any

from okr_service.access.policy import Permission
from okr_service.graphql.kinds import Kind
from okr_service.graphql.roots import Done, Room, Write, WriteCall
from okr_service.imports import jobs
from okr_service.imports.errors import ImportNotFound
from okr_service.imports.model import ImportJob
from okr_service.imports.shapes import ImportListing, ImportProgressView
from okr_service.organisation.graphql import PERSON

IMPORT_JOB = Kind(
    "ImportJob",
    "importJobs",
    jobs.IMPORTS,
    ImportProgressView,
    Permission.PLAN,
    ImportListing,
    lambda _, wanted: jobs.imports_wanted(wanted),  # type: ignore[arg-type] # its own
    ImportNotFound,
    own=jobs.imports_of,
)
IMPORT_JOB.link("person", ImportJob.person_id, PERSON, "The person who sent it.")


async def _cancel(call: WriteCall, _: Any) -> Done:
    kept = timedelta(days=call.service.settings.imports_kept_days)
    return Done(await jobs.cancel_import(call.tx, call.who, call.ref, kept))


ROOM = Room(
    [IMPORT_JOB],
    writes=[
        Write(
            "cancelImportJob",
            "Have an import end with nothing of it done: at once, or in seconds where it runs.",
            Permission.PLAN, _cancel, versioned=False, shows=IMPORT_JOB,
        ),
    ],
)  # fmt: skip
