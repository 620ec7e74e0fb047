"""What can go wrong with closing and carrying over."""

from dataclasses import dataclass

from okr_service.kernel.errors import Conflict, Invalid


@dataclass(eq=False)
class ObjectiveNotInForce(Conflict):
    """Only an active or closed objective can be carried over; this one is {state}."""

    state: str


class ObjectiveFinished(Conflict):
    """The objective is finished; there is nothing to carry over."""


class AlreadyCarriedOver(Conflict):
    """The objective has been carried over to this cycle already."""


class CarriedOverToItsCycle(Invalid):
    """An objective is carried over to another cycle than its own."""
