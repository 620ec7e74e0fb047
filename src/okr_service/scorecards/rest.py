"""Scorecards over REST."""

from okr_service.rest.routing import room

router = room("scorecards")
