"""Which web addresses an issuer may have."""

import pytest

from okr_service.identity.addresses import discovery_addresses, is_beneath
from okr_service.kernel.web_addresses import is_web_address


@pytest.mark.parametrize(
    "address",
    [
        "https://id.example",
        "https://id.example/",
        "https://id.example:8443/realms/group",
        "https://login.example/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
        "https://id.example/realms/My%20Realm",
        "https://[2001:db8::1]:8443/a",
        "http://localhost:8080/realms/a",
        "http://127.0.0.1:1",
        "http://[::1]/a",
    ],
)
def test_an_issuer_may_have_a_plain_https_address_or_be_on_this_machine(address: str) -> None:
    assert is_web_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "id.example",
        "http://id.example",
        "http://10.0.0.1",
        "http://localhost.evil.example",
        "http://127.evil.example",
        "ftp://id.example",
        "https://",
        "https:///a",
        "https://id.example?a",
        "https://id.example#a",
        "https://a@id.example",
        "https://a:b@id.example",
        "https://id.example/a/../b",
        "https://id.example/a/./b",
        "https://id.example/a/..",
        "https://id.example/a/%2e%2e/b",
        "https://id.example/a/.%2E/b",
        "https://id.example/a%2fb",
        "https://id.example/a%5Cb",
        "https://id.example/a%00",
        "https://id.example/%",
        "https://id.example/%zz",
        "https://id.example\\a",
        "https://id.example/a b",
        "https://id.example/a\tb",
        "https://id.example/a\n",
        "https://id.exàmple",
        "https://ID.example",
        "https://-id.example",
        "https://id.example:123456",
        "https://id.example/" + "a" * 500,
        7,
        None,
    ],
)
def test_other_addresses_are_not_asked(address: object) -> None:
    assert not is_web_address(address)


@pytest.mark.parametrize(
    ("address", "beneath"),
    [
        ("https://id.example/realms/a/certs", True),
        ("https://id.example/realms/a", False),
        ("https://id.example/realms/ab/certs", False),
        ("https://id.example/realms/b/certs", False),
        ("https://evil.example/realms/a/certs", False),
        ("http://id.example/realms/a/certs", False),
        ("https://id.example:444/realms/a/certs", False),
    ],
)
def test_beneath_an_issuer_is_what_only_the_issuer_has(address: str, beneath: bool) -> None:
    assert is_beneath(address, "https://id.example/realms/a") is beneath
    assert is_beneath(address, "https://id.example/realms/a/") is beneath


def test_where_an_issuer_says_of_itself() -> None:
    assert discovery_addresses("https://id.example/realms/a") == (
        "https://id.example/realms/a/.well-known/openid-configuration",
        "https://id.example/.well-known/oauth-authorization-server/realms/a",
    )
    assert discovery_addresses("https://id.example/")[1] == (
        "https://id.example/.well-known/oauth-authorization-server"
    )
