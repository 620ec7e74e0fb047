"""Things that a file names by their ids, for they have no code that it could name them by.

An action's name is its title, so there the id stands in brackets after it.
"""

import re
from collections.abc import Iterable
from uuid import UUID

from okr_service.kernel.fields import Ref
from okr_service.kernel.references import row_id

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ID_CHARACTERS = 36


def named_id(name: str) -> UUID | None:
    """Return the id that a name is or ends with, if it does."""
    end = name[:-1] if name.endswith(")") and name[-_ID_CHARACTERS - 2 : -1][:1] == "(" else name
    last = end[-_ID_CHARACTERS:]
    if not _ID.fullmatch(last) or (end is name and last != name):
        return None
    return row_id(Ref(last))


def named_ids(names: Iterable[str]) -> list[UUID]:
    """Return the ids that names are or end with."""
    return [found for name in names if (found := named_id(name)) is not None]
