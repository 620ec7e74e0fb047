"""What can go wrong with credentials and permissions."""

from dataclasses import dataclass

from okr_service.kernel.errors import Forbidden, Unauthenticated


class MissingCredential(Unauthenticated):
    """Send an API key or an access token in the Authorization header, as a bearer token."""


class InvalidCredential(Unauthenticated):
    """This credential is unknown, expired or revoked."""


@dataclass(eq=False)
class NotPermitted(Forbidden):
    """This needs the permission {permission}, which the credential does not have."""

    permission: str
