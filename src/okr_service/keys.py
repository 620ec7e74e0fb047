"""Making API keys, listing, rotating and revoking them in the terminal.

Lines of the list fit 80 columns, but for long names. A key is printed once, alone on its
line, for it cannot be had again.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from okr_client import AuthenticatedClient
from okr_client.api.credentials import (
    create_api_key,
    list_api_keys,
    revoke_api_key,
    rotate_api_key,
)
from okr_client.models import (
    ApiKeyMade,
    ApiKeyView,
    NewApiKey,
    PageOfApiKeyView,
    Problem,
    Rotation,
    Scope,
)
from okr_client.types import UNSET, Response
from okr_service.client import LOCAL, ApiKey, Url, answered, as_json, calling, moment

_PAGE = 200

keys_app = typer.Typer(no_args_is_help=True, help="Make API keys, list, rotate and revoke them.")
KeyId = Annotated[UUID, typer.Argument(help="The key's id, as listed; not the key itself.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print what the service answers.")]
Expiry = Annotated[
    datetime | None,
    typer.Option("--expires-at", parser=moment, help="When it stops working, like 2027-01-31."),
]


@keys_app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[Scope], typer.Option(help="What it allows: read, check_in, plan, …; can be repeated.")
    ],
    person: Annotated[
        str | None, typer.Option(help="Whom it stands for: an id, or external:<external id>.")
    ] = None,
    expires_at: Expiry = None,
    in_full: AsJson = False,
    url: Url = LOCAL,
    api_key: ApiKey = None,
) -> None:
    """Make an API key, and show it this once."""
    new = NewApiKey(name, scope, person_id=person, expires_at=expires_at)
    with calling(url, api_key) as service:
        made = create_api_key.sync_detailed(client=service, body=new)
        _show(answered(made), made.content if in_full else None)


@keys_app.command("list")
def list_keys(
    everything: Annotated[bool, typer.Option("--all", help="Those that ended too.")] = False,
    in_full: AsJson = False,
    url: Url = LOCAL,
    api_key: ApiKey = None,
) -> None:
    """List API keys, the oldest first."""
    with calling(url, api_key) as service:
        pages = list(_pages(service, everything=everything))
    if in_full:
        print(as_json([key for page in pages for key in json.loads(page.content)["data"]]))
        return
    for key in (key for page in pages for key in answered(page).data):
        used = "never used" if key.last_used_at is None else f"{key.last_used_at:%Y-%m-%d}"
        print(f"{key.id}  {_state(key):16}  {used:10}  {key.name}")
        print(f"{'':38}{','.join(key.scopes)}{' of a person' if key.person_id else ''}")


@keys_app.command()
def rotate(
    key_id: KeyId,
    overlap_seconds: Annotated[
        int, typer.Option(min=0, help="How much longer the old key works.")
    ] = 86_400,
    expires_at: Expiry = None,
    in_full: AsJson = False,
    url: Url = LOCAL,
    api_key: ApiKey = None,
) -> None:
    """Make an API key's successor, and show it this once."""
    rotation = Rotation(overlap_seconds=overlap_seconds, expires_at=expires_at)
    with calling(url, api_key) as service:
        made = rotate_api_key.sync_detailed(key_id, client=service, body=rotation)
        _show(answered(made), made.content if in_full else None)


@keys_app.command()
def revoke(
    key_id: KeyId, in_full: AsJson = False, url: Url = LOCAL, api_key: ApiKey = None
) -> None:
    """Stop an API key from working."""
    with calling(url, api_key) as service:
        revoked = revoke_api_key.sync_detailed(key_id, client=service)
        _show(answered(revoked), revoked.content if in_full else None)


def _pages(
    service: AuthenticatedClient, *, everything: bool
) -> Iterator[Response[PageOfApiKeyView | Problem]]:
    in_force, cursor = UNSET if everything else True, None
    while True:
        page = list_api_keys.sync_detailed(
            client=service, limit=_PAGE, in_force=in_force, cursor=cursor
        )
        yield page
        cursor = answered(page).page.next_cursor
        if cursor is None:
            return


def _show(key: ApiKeyView | ApiKeyMade, answer: bytes | None) -> None:
    """Print a key, or all that the service answered."""
    if answer is not None:
        print(as_json(json.loads(answer)))
        return
    print(f"{key.id}  {_state(key)}  {key.name}  ({', '.join(key.scopes)})")
    if isinstance(key, ApiKeyMade):
        print("The key, which is not shown again:")
        print(key.key)


def _state(key: ApiKeyView | ApiKeyMade) -> str:
    if key.revoked_at:
        return "revoked"
    if key.expires_at is None:
        return "for good"
    ended = key.expires_at <= datetime.now(UTC)
    return "expired" if ended else f"until {key.expires_at:%Y-%m-%d}"
