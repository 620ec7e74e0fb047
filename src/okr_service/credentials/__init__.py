"""API keys: what programs, and people at a terminal, prove with who they are.

A key belongs to a tenant. It is an *integration's*, and may do what its scopes say, or it
is *bound to a person*, and its scopes narrow what that person may do; it dies with their
`active`. Nobody gives away what they have not: an admin makes keys for integrations and
for others, a person who signed in makes keys of their own, and a key that is not an
admin's makes none, so that a stolen one cannot outlive its revocation.

- A key is shown once, when it is made. What is kept is its hash, keyed with a secret of
  the service (`hashing`), its first characters, and nothing that an answer could repeat.
- Its form (`keys`) says whose it is and has a checksum: what is no key costs no look-up,
  and scanners find leaked ones.
- It ends when it is revoked, when it expires, or an overlap after it was rotated: never
  later than its own expiry. Rotated, it has one successor at most that is not revoked.
- Each of these leaves an audit event. That it was used leaves none: `last_used_at` is
  noted in memory and written a minute's worth at a time (`uses`).

Whoever takes on a tenant gets its first admin key.
"""
