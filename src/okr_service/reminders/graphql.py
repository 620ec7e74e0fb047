"""Calendars in GraphQL: where they are; what they show is for calendar programs."""

from typing import Any

from okr_service.access.policy import Permission
from okr_service.credentials.hashing import KeyedHash
from okr_service.graphql.roots import Done, Room, Write, WriteCall
from okr_service.organisation.graphql import PERSON
from okr_service.reminders import calendars
from okr_service.reminders.shapes import CalendarMade


async def _create(call: WriteCall, _: Any) -> Done:
    hashing = KeyedHash.of(call.service.settings)
    row, secret = await calendars.create_calendar(call.tx, call.who, call.ref, hashing)
    return Done(told=calendars.made(row, secret).model_dump(mode="json"))


async def _delete(call: WriteCall, _: Any) -> Done:
    return Done(await calendars.delete_calendar(call.tx, call.who, call.ref))


ROOM = Room(
    writes=[
        Write(
            "createCalendar",
            "Give a person's calendar an address, shown this once; one that it had ends.",
            Permission.OWN_KEYS, _create,
            versioned=False, also=CalendarMade, shows_secret=True,
        ),
        Write(
            "deleteCalendar", "Take the address of a person's calendar back.",
            Permission.OWN_KEYS, _delete,
            versioned=False, shows=PERSON,
        ),
    ],
)  # fmt: skip
