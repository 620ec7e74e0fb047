"""Provisioning by SCIM 2.0 (RFC 7643, 7644, 9865): how an HR system keeps people and units.

A SCIM *User* is a person, a *Group* a unit; a unit's members are its people. The protocol is
scim2-server's: it reads requests, applies PUT and PATCH, and asks a storage. The storage is
ours, one for each request, in the request's transaction and tenant. It writes by the functions
of `organisation` alone, so every rule, event and permission is that of REST.

What SCIM knows of a person and the organisation has no place for is kept here: the `userName`,
the client's own `externalId` and the parts of the name. The rest is the person's:

| SCIM | here |
| --- | --- |
| `displayName` | `name`; if it is not said, `name.formatted` or the parts together |
| `emails` | `email`, one address: the primary one, else that of type work, else the first |
| `title`, `active` | `job_title`, `active` |
| `employeeNumber` | `external_id`, by which files and REST know the person |
| `department` | the unit, by its external id or by its name, if only one has it |
| `manager` | who leads the unit, or the one above; read only: units say who leads them |

Who was never provisioned is there as well: their `userName` is their address, else their id, and
their `externalId` is their `external_id`, so that a client finds them before it makes them twice.

- What a PUT leaves out it clears, but for `active`, the Enterprise attributes, a group's members
  and what our extension says of a group: many clients send none of these, and mean nothing by it.
- `active: false` keeps a person's record and all that is theirs. DELETE deletes a person whom
  nothing refers to; another is made inactive, and is for SCIM no longer there. Whoever comes
  back with the same `employeeNumber` is the same person again.
- A filter becomes a condition in SQL; nothing is filtered in Python.
"""
