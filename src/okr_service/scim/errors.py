"""What can go wrong with provisioning, beside what the protocol itself knows."""

from dataclasses import dataclass

from okr_service.kernel.errors import Conflict, Invalid


@dataclass(eq=False)
class UserNameTaken(Conflict):
    """Another person already has the user name {user_name}."""

    user_name: str


@dataclass(eq=False)
class DepartmentUnknown(Invalid):
    """No unit has the external id or the name {department}."""

    department: str


@dataclass(eq=False)
class DepartmentAmbiguous(Invalid):
    """Several units are called {department}; send the external id of one."""

    department: str
