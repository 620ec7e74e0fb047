"""The heads of every lane, in a file kept outside of the database.

Chains show what was altered in them. That one was cut off at its end with its head, or
written anew from some event on, only shows against heads that were saved before.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from okr_service.audit.chain import Head, digest
from okr_service.audit.verification import Findings

_Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _SavedHead(BaseModel):
    model_config = ConfigDict(extra="forbid")

    length: Annotated[int, Field(ge=1)]
    hash: _Hash


class _SavedTenant(BaseModel):
    model_config = ConfigDict(extra="forbid")

    digest: _Hash
    lanes: dict[int, _SavedHead]

    def heads(self) -> dict[int, Head]:
        return {n: Head(one.length, bytes.fromhex(one.hash)) for n, one in self.lanes.items()}


class _Saved(BaseModel):
    model_config = ConfigDict(extra="forbid")

    saved_at: datetime
    tenants: dict[UUID, _SavedTenant]


def save(file: Path, found: Iterable[Findings]) -> None:
    """Write the heads that a verification found, in place of what the file held."""
    tenants = {
        one.tenant_id: _SavedTenant(
            digest=one.digest,
            lanes={
                lane: _SavedHead(length=head.length, hash=head.hash.hex())
                for lane, head in sorted(one.heads.items())
            },
        )
        for one in found
    }
    text = _Saved(saved_at=datetime.now(UTC), tenants=tenants).model_dump_json(indent=1)
    beside = file.with_name(f"{file.name}.new")
    beside.write_text(f"{text}\n", encoding="utf-8")
    beside.replace(file)


def load(file: Path) -> Mapping[UUID, Mapping[int, Head]]:
    """Return the heads that a file holds, by tenant and lane.

    Raises:
        ValueError: the file holds something else, or not all it was written with.
    """
    tenants = _Saved.model_validate_json(file.read_bytes()).tenants
    heads = {tenant_id: saved.heads() for tenant_id, saved in tenants.items()}
    for tenant_id, saved in tenants.items():
        if digest(heads[tenant_id]) != saved.digest:
            raise ValueError(f"the heads of tenant {tenant_id} are not those that were saved")
    return heads
