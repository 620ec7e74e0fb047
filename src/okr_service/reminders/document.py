"""Calendars as programs subscribe to them (iCalendar, RFC 5545 and 7986)."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from icalendar import Calendar, Event

from okr_service.kernel.messages import Language
from okr_service.reminders.calendars import Entry

MEDIA_TYPE = "text/calendar"
_EVERY = timedelta(hours=1)  # that a program is to look again
_NAME = {"en": "OKRs: what is due", "vi": "OKR: việc đến hạn"}
_SUMMARY = {
    "key_result": {"en": "Check in: {title}", "vi": "Cập nhật tiến độ: {title}"},
    "action": {"en": "Action due: {title}", "vi": "Hành động đến hạn: {title}"},
}
_OBJECTIVE = {"en": "Objective: {title}", "vi": "Mục tiêu: {title}"}


def calendar(tenant_id: UUID, entries: Sequence[Entry], language: Language) -> str:
    """Write a calendar of whole days; the same entries make the same text.

    Days and not tasks, for many programs leave out the tasks of what they subscribe to. They
    do not make anybody busy.
    """
    made = Calendar()
    made.add("prodid", "-//okr-service//reminders//EN")
    made.add("version", "2.0")
    for name in ("name", "x-wr-calname"):
        made.add(name, _NAME[language])
    made.add("refresh-interval", _EVERY, {"VALUE": "DURATION"})
    made.add("x-published-ttl", "PT1H")
    for entry in entries:
        made.add_component(_event(tenant_id, entry, language))
    return str(made.to_ical(), "utf-8")


def _event(tenant_id: UUID, entry: Entry, language: Language) -> Event:
    made = Event()
    made.add("uid", f"{entry.kind}.{entry.id}@{tenant_id}")
    made.add("dtstamp", entry.changed_at)
    made.add("dtstart", entry.due_date)
    made.add("dtend", entry.due_date + timedelta(days=1))
    made.add("summary", _SUMMARY[entry.kind][language].format(title=entry.title))
    made.add("description", _OBJECTIVE[language].format(title=entry.objective))
    made.add("categories", ["OKR"])
    made.add("transp", "TRANSPARENT")
    return made
