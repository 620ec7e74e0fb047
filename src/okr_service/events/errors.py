"""What can go wrong with the feed."""

from okr_service.kernel.errors import Gone


class EventsForgotten(Gone):
    """What follows this cursor is not kept any more; read everything anew, then go on from now."""


class CursorOfAnotherFeed(Gone):
    """The feed has not what this cursor stands for: it was restored from a copy; read anew."""
