"""The offices whose people make the load, laid by the dashboard, and the file that tells locust of them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.actors import Connection, TokenSigner, add_member, make_organization, make_user

# Longer than any run: whoever signs in anew measures Auth and its passwords, not us.
TOKEN_SECONDS = 4 * 3600
ROLES = ("owner", "admin", "manager", "member")


@dataclass(frozen=True)
class Person:
    """Someone who books. `place` among their office's people gives each an hour of the day of their own."""

    user: str
    organization: str
    assets: tuple[str, ...]
    place: int
    token: str


def make_people(db: Connection, signer: TokenSigner, offices: int, people: int) -> list[Person]:
    """The people of so many offices, those of one office not beside each other.

    Args:
        db: as the dashboard.
        signer: signs everyone's token.
        offices: how many.
        people: of all offices together; each has at least four.
    """
    houses = [_make_office(db, signer, people // offices) for _ in range(offices)]
    return [person for same_place in zip(*houses, strict=True) for person in same_place]


def _make_office(db: Connection, signer: TokenSigner, people: int) -> list[Person]:
    office = make_organization(db)
    actors = [office.actor(role) for role in ROLES]
    for number in range(people - len(ROLES)):
        actors.append(make_user(db, f"member{number}"))
        add_member(db, office.id, actors[-1], "member", office.tier)
    assets = tuple(office.assets.values())
    return [
        Person(actor.id, office.id, assets, place, signer.sign(actor, lifetime=TOKEN_SECONDS))
        for place, actor in enumerate(actors)
    ]


def write_people(people: list[Person], path: Path) -> None:
    """The file that `read_people` reads."""
    path.write_text(json.dumps([asdict(person) for person in people]))


def read_people(path: Path) -> list[Person]:
    """What `write_people` wrote."""
    return [Person(**{**row, "assets": tuple(row["assets"])}) for row in json.loads(path.read_text())]
