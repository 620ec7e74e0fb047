"""Making API keys, listing, rotating and revoking them in the terminal.

Lines of the list fit 80 columns, but for long names. A key is printed once, alone on its
line, for it cannot be had again.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from okr_service.client import LOCAL, ApiKey, Url, answered, call

Json = dict[str, Any]  # what httpx gives

_PAGE = 200

keys_app = typer.Typer(no_args_is_help=True, help="Make API keys, list, rotate and revoke them.")
KeyId = Annotated[str, typer.Argument(help="The key's id, as listed; not the key itself.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print what the service answers.")]
Expiry = Annotated[
    str | None, typer.Option("--expires-at", help="When it stops working, like 2027-01-31.")
]


@keys_app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[str], typer.Option(help="What it allows: read, check_in, plan, …; can be repeated.")
    ],
    person: Annotated[
        str | None, typer.Option(help="Whom it stands for: an id, or external:<external id>.")
    ] = None,
    expires_at: Expiry = None,
    as_json: AsJson = False,
    url: Url = LOCAL,
    api_key: ApiKey = None,
) -> None:
    """Make an API key, and show it this once."""
    body = {"name": name, "scopes": scope, "person_id": person, "expires_at": _moment(expires_at)}
    _show(answered(call(url, api_key, "POST", "api-keys", json=body)), as_json=as_json)


@keys_app.command("list")
def list_keys(
    everything: Annotated[bool, typer.Option("--all", help="Those that ended too.")] = False,
    as_json: AsJson = False,
    url: Url = LOCAL,
    api_key: ApiKey = None,
) -> None:
    """List API keys, the oldest first."""
    asked = {} if everything else {"in_force": "true"}
    found = list(_pages(url, api_key, asked))
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
        return
    for key in found:
        print(f"{key['id']}  {_state(key):16}  {_day(key['last_used_at']):10}  {key['name']}")
        print(f"{'':38}{','.join(key['scopes'])}{' of a person' if key['person_id'] else ''}")


@keys_app.command()
def rotate(
    key_id: KeyId,
    overlap_seconds: Annotated[
        int, typer.Option(min=0, help="How much longer the old key works.")
    ] = 86_400,
    expires_at: Expiry = None,
    as_json: AsJson = False,
    url: Url = LOCAL,
    api_key: ApiKey = None,
) -> None:
    """Make an API key's successor, and show it this once."""
    body = {"overlap_seconds": overlap_seconds, "expires_at": _moment(expires_at)}
    path = f"api-keys/{key_id}:rotate"
    _show(answered(call(url, api_key, "POST", path, json=body)), as_json=as_json)


@keys_app.command()
def revoke(
    key_id: KeyId, as_json: AsJson = False, url: Url = LOCAL, api_key: ApiKey = None
) -> None:
    """Stop an API key from working."""
    _show(answered(call(url, api_key, "POST", f"api-keys/{key_id}:revoke")), as_json=as_json)


def _pages(url: str, api_key: str | None, asked: dict[str, str]) -> Iterator[Json]:
    cursor: dict[str, str] = {}
    while True:
        params = {"limit": str(_PAGE), **asked, **cursor}
        page: Json = answered(call(url, api_key, "GET", "api-keys", params=params))
        yield from page["data"]
        if not page["page"]["has_more"]:
            return
        cursor = {"cursor": page["page"]["next_cursor"]}


def _show(key: Json, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(key, ensure_ascii=False, indent=1))
        return
    print(f"{key['id']}  {_state(key)}  {key['name']}  ({', '.join(key['scopes'])})")
    if "key" in key:
        print("The key, which is not shown again:")
        print(key["key"])


def _state(key: Json) -> str:
    if key["revoked_at"]:
        return "revoked"
    if key["expires_at"] is None:
        return "for good"
    ended = datetime.fromisoformat(key["expires_at"]) <= datetime.now(UTC)
    return "expired" if ended else f"until {_day(key['expires_at'])}"


def _day(moment: str | None) -> str:
    return "never used" if moment is None else moment[:10]


def _moment(day: str | None) -> str | None:
    return day if day is None or "T" in day else f"{day}T00:00:00Z"
