"""What can go wrong with action plans and actions."""

from dataclasses import dataclass

from okr_service.kernel.errors import Conflict, Invalid, NotFound


@dataclass(eq=False)
class ActionPlanNotFound(NotFound):
    """There is no action plan {ref}."""

    ref: str


@dataclass(eq=False)
class ActionNotFound(NotFound):
    """There is no action {ref}."""

    ref: str


class PeriodEndsBeforeStart(Invalid):
    """A period cannot end before it starts."""


class ActionPlanHasActions(Conflict):
    """The action plan has actions; delete them first."""


class KeyResultFixed(Invalid):
    """An action plan stays with its key result."""


class ActionPlanFixed(Invalid):
    """An action stays with its action plan."""
