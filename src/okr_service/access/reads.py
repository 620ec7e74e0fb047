"""How API keys are shown."""

from okr_service.access.model import ApiKey
from okr_service.kernel.documents import Collection, open_to_all

API_KEYS = Collection(
    ApiKey,
    {
        "id": ApiKey.id,
        "name": ApiKey.name,
        "beginning": ApiKey.beginning,
        "scopes": ApiKey.scopes,
        "created_at": ApiKey.created_at,
        "expires_at": ApiKey.expires_at,
        "revoked_at": ApiKey.revoked_at,
    },
    seen=open_to_all,
    sorts={"created_at": ApiKey.created_at, "name": ApiKey.name},
)
