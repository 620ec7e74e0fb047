"""Scorecards over REST."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from okr_service.access.policy import Permission
from okr_service.rest.answers import document
from okr_service.rest.endpoint import Read, needs
from okr_service.rest.routing import PathRef, room
from okr_service.scorecards import reads
from okr_service.scorecards.shapes import (
    LeagueTableQuestion,
    LeagueTableView,
    ScorecardQuestion,
    ScorecardView,
)

router = room("scorecards")


@router.get("/units/{ref:path}/scorecard", response_model=ScorecardView)
@needs(Permission.READ)
async def get_scorecard(
    ref: PathRef, asked: Annotated[ScorecardQuestion, Query()], call: Read
) -> Response:
    """Show how far a unit and those beneath it have come in a cycle."""
    return document(call, await reads.scorecard(call.tx, call.who, ref, asked))


@router.get("/units/{ref:path}/league-table", response_model=LeagueTableView)
@needs(Permission.READ)
async def get_league_table(
    ref: PathRef, asked: Annotated[LeagueTableQuestion, Query()], call: Read
) -> Response:
    """Rank the units directly beneath one by their progress in a cycle."""
    return document(call, await reads.league_table(call.tx, call.who, ref, asked))
