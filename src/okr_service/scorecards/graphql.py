"""Scorecards in GraphQL."""

from okr_service.access.policy import Permission
from okr_service.graphql.roots import Question, ReadCall, Room
from okr_service.kernel.fields import Ref
from okr_service.scorecards import reads
from okr_service.scorecards.shapes import (
    LeagueTableQuestion,
    LeagueTableView,
    ScorecardQuestion,
    ScorecardView,
)


async def _scorecard(call: ReadCall, ref: Ref, asked: ScorecardQuestion) -> str:
    return await reads.scorecard(call.tx, call.who, ref, asked)


async def _league_table(call: ReadCall, ref: Ref, asked: LeagueTableQuestion) -> str:
    return await reads.league_table(call.tx, call.who, ref, asked)


ROOM = Room(
    questions=[
        Question(
            "scorecard", "How far a unit and those beneath it have come in a cycle.",
            Permission.READ, ScorecardView, _scorecard, ScorecardQuestion, of="unit",
        ),
        Question(
            "leagueTable", "The units directly beneath one, by their progress in a cycle.",
            Permission.READ, LeagueTableView, _league_table, LeagueTableQuestion, of="unit",
        ),
    ],
)  # fmt: skip
