"""Which web addresses lie beneath an issuer's, and where it says of itself."""


def is_beneath(address: str, issuer: str) -> bool:
    """Say whether an address lies beneath an issuer's, so that who has the one has the other."""
    return address.startswith(f"{issuer.rstrip('/')}/")


def discovery_addresses(issuer: str) -> tuple[str, str]:
    """Return where an issuer says of itself: OpenID Connect Discovery, 4, and RFC 8414, 3."""
    bare = issuer.rstrip("/")
    scheme, _, rest = bare.partition("://")
    host, slash, path = rest.partition("/")
    return (
        f"{bare}/.well-known/openid-configuration",
        f"{scheme}://{host}/.well-known/oauth-authorization-server{slash}{path}",
    )
