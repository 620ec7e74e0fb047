"""Making up the people of the group."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from random import Random

from okr_service.demo import group
from okr_service.demo.sketch import Company


@dataclass(frozen=True)
class Employee:
    """Somebody who does not exist."""

    code: str
    name: str
    email: str
    job_title: str
    unit: str


def staff(seed: int) -> dict[str, list[Employee]]:
    """Return the people of each unit by its code, who leads it first."""
    names = _names(Random(f"{seed}/names"))  # noqa: S311 - nothing secret
    sizes = Random(f"{seed}/sizes")  # noqa: S311 - nothing secret
    numbers = count(1)
    people: dict[str, list[Employee]] = {}
    for company in group.GROUP:
        for unit, titles in _positions(company, sizes):
            people[unit] = [
                Employee(f"NV-{number:03}", name, _email(name, number), title, unit)
                for title, number, name in zip(titles, numbers, names, strict=False)
            ]
    return people


def _positions(company: Company, sizes: Random) -> Iterator[tuple[str, list[str]]]:
    deputies = [group.DEPUTY] if company is group.TOP else []
    yield company.code, [company.director, *deputies]
    for end, name in company.departments.items():
        head = f"{group.HEAD} – {name}"
        yield f"{company.code}-{end}", [head, *group.JOBS[end][: sizes.choice((1, 1, 2))]]


def _names(rng: Random) -> Iterator[str]:
    taken: set[str] = set()
    while True:
        name = f"{rng.choice(group.SURNAMES)} {rng.choice(group.MENS_NAMES + group.WOMENS_NAMES)}"
        if name not in taken:
            taken.add(name)
            yield name


def _email(name: str, number: int) -> str:
    *others, given = _without_accents(name).lower().split()
    return f"{given}.{''.join(others)}{number}@{group.EMAIL_DOMAIN}"


def _without_accents(name: str) -> str:
    apart = unicodedata.normalize("NFD", name.replace("Đ", "D").replace("đ", "d"))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))
