"""What goes in and out by SCIM, and what the service says of itself."""

from functools import lru_cache
from typing import Annotated, Any, Self

from pydantic import Field, ModelWrapValidatorHandler, StringConstraints, model_validator
from scim2_models import (
    URN,
    AnyExtension,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Extension,
    Filter,
    Mutability,
    Pagination,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)

from okr_service.kernel.fields import Input
from okr_service.organisation.shapes import UnitKind
from okr_service.settings import Settings

LARGEST_PAGE = 200
_CURSORS_LIVE = 3_600  # seconds
_BEARER = AuthenticationScheme(
    type=AuthenticationScheme.Type.oauthbearertoken,
    name="Bearer token",
    description="An API key or access token of the scope organisation.",
    primary=True,
)

_ReadOnly = Mutability.read_only


class UserName(ComplexAttribute):
    """The parts of a person's name."""

    formatted: str | None = None
    family_name: str | None = None
    given_name: str | None = None
    middle_name: str | None = None


class Email(ComplexAttribute):
    """An address."""

    value: str | None = None
    type: str | None = Field(None, examples=["work"])
    primary: bool | None = None


class Membership(ComplexAttribute):
    """The unit that a person is of."""

    value: Annotated[str | None, _ReadOnly, CaseExact.true] = None
    ref: Annotated[Reference["Group[Any]"] | None, _ReadOnly] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    display: Annotated[str | None, _ReadOnly] = None
    type: Annotated[str | None, _ReadOnly] = None


class User(Resource[AnyExtension]):
    """A person."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    name: UserName | None = None
    display_name: str | None = None
    title: str | None = None
    active: bool | None = None
    emails: list[Email] | None = None
    groups: Annotated[list[Membership] | None, _ReadOnly] = None


class Link(ComplexAttribute):
    """What names another resource by its id."""

    @model_validator(mode="wrap")
    @classmethod
    def by_id(cls, given: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Take an id for what has it: Entra ID sends managers so."""
        return handler({"value": given} if isinstance(given, str) else given)


class Manager(Link):
    """Who leads the unit of a person, or the unit itself."""

    value: Annotated[str | None, CaseExact.true] = None
    ref: Reference["User[Any]"] | None = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    display_name: Annotated[str | None, _ReadOnly] = None


class EnterpriseUser(Extension):
    """What an enterprise knows of a person.

    Who leads a unit is said of the unit: a manager that is sent with a user is passed over.
    """

    __schema__ = URN("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")

    employee_number: Annotated[str | None, CaseExact.true, Uniqueness.server] = Field(
        None, description="The external id of the person."
    )
    department: str | None = Field(
        None, description="The name of the unit; it is set by its name or external id."
    )
    manager: Manager | None = Field(
        None, description="Who leads the unit, or the one above; what is sent is passed over."
    )


class Member(ComplexAttribute):
    """A person of a unit."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    ref: Annotated[Reference["User[Any]"] | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])
    display: str | None = None


class Group(Resource[AnyExtension]):
    """A unit with its people."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Required.true] = None
    members: list[Member] | None = None


class Above(Link):
    """The unit that a unit belongs to."""

    value: Annotated[str | None, CaseExact.true] = None
    ref: Reference["Group[Any]"] | None = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    display: Annotated[str | None, _ReadOnly] = None


class OkrGroup(Extension):
    """What kind of unit it is, where it belongs and who leads it."""

    # Entra ID takes extensions of this form alone.
    __schema__ = URN("urn:ietf:params:scim:schemas:extension:okr:2.0:Group")

    kind: UnitKind | None = Field(None, examples=[kind.value for kind in UnitKind])
    parent: Above | None = None
    manager: Manager | None = None


_Kept = Annotated[str, StringConstraints(max_length=500)]  # what an index can hold


class SaidOfUser(Input):
    """What is kept of a user beside the person."""

    user_name: _Kept | None = None
    external_id: _Kept | None = None
    formatted: _Kept | None = None
    family_name: _Kept | None = None
    given_name: _Kept | None = None
    middle_name: _Kept | None = None


# What clients send beside the standard, each for itself harmless; see tests/scim.
_TOLERANT = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)


def provider_of(settings: Settings) -> ScimProvider:
    """Return what is served, as discovery tells it."""
    return _provider(settings.scim_bulk_operations, settings.body_limit_bytes)


@lru_cache
def _provider(operations: int, payload: int) -> ScimProvider:
    users: Any = User[EnterpriseUser]
    groups: Any = Group[OkrGroup]
    return ScimProvider(
        models=[User, EnterpriseUser, Group, OkrGroup],
        resource_types=[ResourceType.from_resource(users), ResourceType.from_resource(groups)],
        config=ServiceProviderConfig(
            patch=Patch(supported=True),
            bulk=Bulk(supported=True, max_operations=operations, max_payload_size=payload),
            filter=Filter(supported=True, max_results=LARGEST_PAGE),
            change_password=ChangePassword(supported=False),
            sort=Sort(supported=True),
            etag=ETag(supported=True),
            authentication_schemes=[_BEARER],
            pagination=Pagination(
                cursor=True,
                index=True,
                default_pagination_method=Pagination.DefaultPaginationMethod.index,
                default_page_size=100,
                max_page_size=LARGEST_PAGE,
                cursor_timeout=_CURSORS_LIVE,
            ),
        ),
        policy=_TOLERANT,
    )
