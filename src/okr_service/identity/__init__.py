"""Tokens that others sign: OpenID Connect and OAuth 2.0, seen from a resource server.

A *provider* is what a tenant has agreed with an *issuer*: which tokens it takes (issuer,
audience, algorithms), and what their claims mean here (which person, which role, which
scopes). A tenant has as many as it likes.

What always holds:

- A token names its tenant by nothing but its issuer and audience, so at most one provider in
  the whole service answers for a pair of them. A provider does once it is *proven*: an admin
  has shown a valid token of that issuer for that audience, signed by keys found at the
  issuer's own address. Registering somebody else's issuer therefore gains nothing: it neither
  keeps the owner out nor draws the owner's tokens in. A token for several audiences is the
  one's that was proven first, and proves nothing for another.
- Only a public key that the issuer publishes verifies a token, by an algorithm that the
  provider allows and the key is for. Nothing in a token's header says where a key is.
- A token is judged by RFC 9068 and RFC 8725 (`claims`). One that is plainly not an access
  token, or is bound to a sender, is refused.
- A person's token acts for one active person, or for nobody. A machine's has the scopes it
  was granted and no person. `operate` never comes from a token.
- Keys are kept as long as the issuer says (a minute to a day), and a day longer while it
  cannot be reached; however many tokens come, an issuer is asked once at a time, and after a
  failure more and more seldom (`keys`).
- An issuer's address is a stranger's: `kernel.outgoing` asks it.

A token's subject, e-mail address and text are never logged or recorded.
"""
