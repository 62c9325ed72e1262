"""What people do, at random: through the API of either process, and by hand in SQL as the dashboard.

One organisation's acts come one after the other. Which act is next, and the dice that it throws, come from
the seed alone; what it then finds, and what others do meanwhile, does not.
"""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg

from tests.actors import SECTIONS, Actor, RefusedError
from tests.prove.records import Json
from tests.prove.world import CHANGING, FIRST_DAY, LAST_DAY, NARROW, Answer, Dashboard, House, World, day

# What a person may be told. Anything else is a fault of ours.
TOLD = {
    "done", "nothing", "unanswered", "CONFLICT", "INVALID_STATE", "RULE_VIOLATION", "NOT_FOUND", "FORBIDDEN",
    "NO_ELIGIBLE_APPROVER", "PRECONDITION_FAILED", "SERVICE_UNAVAILABLE",
}  # fmt: skip
# How often each is done, in relation to the others.
ACTS = {
    "book": 18, "book twice at once": 4, "move in time": 10, "move to another asset": 12, "rename": 4,
    "cancel": 8, "restore": 3, "approve or reject": 9,
    "schedule maintenance": 4, "move maintenance": 3, "cancel maintenance": 3,
    "book by hand": 5, "move by hand": 5, "delete by hand": 5, "edit many by hand": 2,
    "change two organisations at once": 2,
    "change a tier's sections": 1, "change a member's tier": 2, "change a member's role": 2,
    "remove a member": 1, "bring a member back": 3, "change an asset's section": 1,
}  # fmt: skip
PAUSE_SECONDS = (0.0, 0.12)
# After the database did not answer.
AWAY_SECONDS = 0.25
# Rows that one edit by hand touches: enough to be announced by one hint, and to fill a stalled reader's
# buffers.
MANY = 80
STANDING = "organization_id = %(org)s and status in ('pending', 'approved')"

Outcome = str | Answer | None


@dataclass
class Hands:
    """One organisation's people, acting.

    Args:
        house: whose.
        neighbour: another organisation, for what the dashboard changes in both at once.
        world: the way in by the API.
        dashboard: the other one.
        name: begins the titles of what is booked here.
        seed: of all that is done here.
    """

    house: House
    neighbour: House
    world: World
    dashboard: Dashboard
    name: str
    seed: str
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    made: dict[str, str | None] = field(default_factory=dict)
    """The first word of the title of each booking asked for, and its id once that was answered."""

    def __post_init__(self) -> None:
        self._order = random.Random(self.seed)
        self._acts: dict[str, Callable[[random.Random], Awaitable[Outcome]]] = {
            name: getattr(self, "_" + name.replace(" ", "_").replace("'", "")) for name in ACTS
        }

    async def act(self, rest: asyncio.Event) -> None:
        """Acts until told to rest; an act under way is finished."""
        while not rest.is_set():
            (name,) = self._order.choices(list(ACTS), list(ACTS.values()))
            dice = random.Random(self._order.getrandbits(64))
            try:
                outcome = await self._acts[name](dice)
            except psycopg.OperationalError:
                outcome = "unanswered"
                await asyncio.sleep(AWAY_SECONDS)
            except psycopg.Error as error:
                outcome = (
                    RefusedError(error).code if error.sqlstate == "PGRST" else f"{error.sqlstate} {error}"
                )
            said = outcome.outcome if isinstance(outcome, Answer) else outcome or "nothing"
            self.outcomes[name, said] += 1
            await asyncio.sleep(dice.uniform(*PAUSE_SECONDS))

    # Throws of the dice

    def _slot(self, dice: random.Random) -> Json:
        start = day(dice.randrange(FIRST_DAY, LAST_DAY), dice.randrange(0, 24, 4))
        return {
            "start_date": start.isoformat(),
            "end_date": (start + timedelta(hours=dice.randrange(2, 13))).isoformat(),
        }

    def _anyone(self, dice: random.Random, *names: str) -> Actor:
        return self.house.people[dice.choice(names)]

    async def _any(self, dice: random.Random, table: str, where: str) -> str | None:
        rows = await self.dashboard.run(
            f"select id::text from public.{table} where {where} order by id", {"org": self.house.id}
        )
        return str(dice.choice(rows)["id"]) if rows else None

    async def _any_booking(
        self, dice: random.Random, status: str = "in ('pending', 'approved')"
    ) -> str | None:
        return await self._any(dice, "reservations", f"organization_id = %(org)s and status {status}")

    async def _any_window(self, dice: random.Random) -> str | None:
        return await self._any(
            dice, "maintenance_windows", "organization_id = %(org)s and status = 'scheduled'"
        )

    def _word(self, dice: random.Random) -> str:
        return f"{self.name}-{dice.getrandbits(48):x}"

    def _send(
        self, dice: random.Random, who: Actor, method: str, path: str, **options: Any
    ) -> Awaitable[Answer]:
        return self.world.send(who, method, path, dice, **options)

    # Bookings

    def _booking(self, dice: random.Random) -> tuple[Actor, str, Json]:
        who = self._anyone(dice, "owner", "manager", "ana", "luis", "rita", "omar", "luis", "omar")
        word = self._word(dice)
        self.made[word] = None
        title = f"{word} {'ñandú ' * dice.randrange(0, 20)}"
        return who, word, {"asset_id": dice.choice(self.house.assets), "title": title, **self._slot(dice)}

    async def _book(self, dice: random.Random) -> Outcome:
        who, word, body = self._booking(dice)
        answer = await self._send(dice, who, "POST", "/reservations", key=_key(dice), json=body)
        return self._made(word, answer)

    async def _book_twice_at_once(self, dice: random.Random) -> Outcome:
        """Somebody impatient, whose second try overtakes the first one's answer."""
        who, word, body = self._booking(dice)
        key = _key(dice)
        first, second = await asyncio.gather(
            *(self._send(dice, who, "POST", "/reservations", key=key, json=body) for _ in range(2))
        )
        if first.outcome == second.outcome == "done" and first.data["id"] != second.data["id"]:
            return f"one key, two bookings: {first.data['id']} {second.data['id']}"
        return self._made(word, first if first.outcome == "done" else second)

    def _made(self, word: str, answer: Answer) -> Answer:
        if answer.outcome == "done":
            self.made[word] = answer.data["id"]
        return answer

    async def _change(self, dice: random.Random, **changes: Any) -> Outcome:
        booking = await self._any_booking(dice)
        if booking is None:
            return None
        who = self._anyone(dice, "owner", "manager", "manager", "luis", "rita")
        return await self._send(dice, who, "PATCH", f"/reservations/{booking}", json=changes)

    async def _move_in_time(self, dice: random.Random) -> Outcome:
        return await self._change(dice, **self._slot(dice))

    async def _move_to_another_asset(self, dice: random.Random) -> Outcome:
        return await self._change(dice, asset_id=dice.choice(self.house.assets), **self._slot(dice))

    async def _rename(self, dice: random.Random) -> Outcome:
        booking = await self._any_booking(dice)
        if booking is None:
            return None
        # The first word stays: bookings are counted by it.
        rows = await self.dashboard.run("select title from public.reservations where id = %s", [booking])
        word = str(rows[0]["title"]).partition(" ")[0] if rows else "gone"
        path, body = f"/reservations/{booking}", {"title": f"{word} renamed {dice.randrange(100)}"}
        return await self._send(dice, self.house.people["manager"], "PATCH", path, json=body)

    async def _cancel(self, dice: random.Random) -> Outcome:
        booking = await self._any_booking(dice)
        who = self._anyone(dice, "owner", "manager", "ana", "luis")
        path = f"/reservations/{booking}/cancel"
        return booking and await self._send(
            dice, who, "POST", path, key=_key(dice), json={"reason": "Weather"}
        )

    async def _restore(self, dice: random.Random) -> Outcome:
        booking = await self._any_booking(dice, "= 'canceled'")
        path = f"/reservations/{booking}/restore"
        return booking and await self._send(dice, self.house.people["owner"], "POST", path, key=_key(dice))

    async def _approve_or_reject(self, dice: random.Random) -> Outcome:
        booking = await self._any_booking(dice, "= 'pending'")
        who = self._anyone(dice, "owner", "admin", "manager")
        path, body = (
            f"/reservations/{booking}/decision",
            {"decision": dice.choice(["approve", "approve", "reject"])},
        )
        return booking and await self._send(dice, who, "POST", path, key=_key(dice), json=body)

    # Maintenance

    def _resolution(self, dice: random.Random) -> Json:
        resolution = dice.choice([None, "keep", "keep", "cancel"])
        return {} if resolution is None else {"resolution": resolution}

    async def _schedule_maintenance(self, dice: random.Random) -> Outcome:
        path = f"/assets/{dice.choice(self.house.assets)}/maintenance"
        body = {"title": self._word(dice), **self._slot(dice), **self._resolution(dice)}
        return await self._send(dice, self.house.people["admin"], "POST", path, key=_key(dice), json=body)

    async def _move_maintenance(self, dice: random.Random) -> Outcome:
        window = await self._any_window(dice)
        body = {**self._slot(dice), **self._resolution(dice)}
        if dice.random() < 0.5:
            body["asset_id"] = dice.choice(self.house.assets)
        path = f"/maintenance/{window}"
        return window and await self._send(dice, self.house.people["admin"], "PATCH", path, json=body)

    async def _cancel_maintenance(self, dice: random.Random) -> Outcome:
        window = await self._any_window(dice)
        path = f"/maintenance/{window}"
        return window and await self._send(dice, self.house.people["owner"], "DELETE", path)

    # By hand

    async def _book_by_hand(self, dice: random.Random) -> Outcome:
        slot = self._slot(dice)
        await self.dashboard.run(
            "insert into public.reservations"
            " (organization_id, asset_id, user_id, title, start_date, end_date, status)"
            " values (%s, %s, %s, %s, %s, %s, 'approved')",
            [
                self.house.id,
                dice.choice(self.house.assets),
                self.house.people["manager"].id,
                f"{self._word(dice)} by hand",
                slot["start_date"],
                slot["end_date"],
            ],
        )
        return "done"

    async def _move_by_hand(self, dice: random.Random) -> Outcome:
        booking = await self._any_booking(dice)
        slot = self._slot(dice)
        await self.dashboard.run(
            "update public.reservations set asset_id = %s, start_date = %s, end_date = %s where id = %s",
            [dice.choice(self.house.assets), slot["start_date"], slot["end_date"], booking],
        )
        return booking and "done"

    async def _delete_by_hand(self, dice: random.Random) -> Outcome:
        booking = await self._any_booking(dice)
        await self.dashboard.run("delete from public.reservations where id = %s", [booking])
        return booking and "done"

    async def _edit_many_by_hand(self, dice: random.Random) -> Outcome:
        ending = f" {dice.randrange(1000)} {'ñ' * dice.randrange(20, 120)}"
        await self.dashboard.run(
            "update public.reservations set title = split_part(title, ' ', 1) || %(ending)s where id in"
            f" (select id from public.reservations where {STANDING} order by id limit {MANY})",
            {"org": self.house.id, "ending": ending},
        )
        return "done"

    async def _change_two_organisations_at_once(self, dice: random.Random) -> Outcome:
        await self.dashboard.run(
            "update public.reservations set guest_count = %(guests)s where id in"
            f" (select id from public.reservations where {STANDING} order by id limit 3)"
            " or id in (select id from public.reservations where organization_id = %(other)s"
            " and status in ('pending', 'approved') order by id limit 3)",
            {"org": self.house.id, "other": self.neighbour.id, "guests": dice.randrange(1, 99)},
        )
        return "done"

    # Who may see what

    async def _change_a_tiers_sections(self, dice: random.Random) -> Outcome:
        tier = self.house.tiers[dice.choice(["narrow", "narrow", "asking"])]
        some = sorted(dice.sample(SECTIONS, dice.randrange(1, 4)))
        sections = dice.choice([None, list(NARROW), some, some])
        if dice.random() < 0.5:
            await self.dashboard.run("update public.tiers set sections = %s where id = %s", [sections, tier])
            return "done"
        path = f"/organizations/{self.house.id}/tiers/{tier}"
        return await self._send(dice, self.house.people["owner"], "PATCH", path, json={"sections": sections})

    async def _change_a_members_tier(self, dice: random.Random) -> Outcome:
        tier = dice.choice([*self.house.tiers.values(), None])
        return await self._change_member(dice, "tier_id", tier)

    async def _change_a_members_role(self, dice: random.Random) -> Outcome:
        return await self._change_member(dice, "role", dice.choice(["manager", "member", "member", "viewer"]))

    async def _change_member(self, dice: random.Random, column: str, value: str | None) -> Outcome:
        person = self._anyone(dice, *CHANGING)
        if dice.random() < 0.5:
            await self.dashboard.run(
                f"update public.organization_members set {column} = %s"
                " where organization_id = %s and user_id = %s",
                [value, self.house.id, person.id],
            )
            return "done"
        path = f"/organizations/{self.house.id}/members/{person.id}"
        return await self._send(dice, self.house.people["owner"], "PATCH", path, json={column: value})

    async def _remove_a_member(self, dice: random.Random) -> Outcome:
        person = self._anyone(dice, *CHANGING)
        path = f"/organizations/{self.house.id}/members/{person.id}"
        who = self.house.people[dice.choice(["owner", "admin"])]
        return await self._send(dice, who, "DELETE", path, params={"future_bookings": "cancel"})

    async def _bring_a_member_back(self, dice: random.Random) -> Outcome:
        person = self._anyone(dice, *CHANGING)
        role, tier = (
            dice.choice(["member", "member", "viewer"]),
            self.house.tiers[dice.choice(["narrow", "asking", "open"])],
        )
        rows = await self.dashboard.run(
            "insert into public.organization_members (organization_id, user_id, role, tier_id)"
            " values (%s, %s, %s, %s) on conflict do nothing returning user_id",
            [self.house.id, person.id, role, tier],
        )
        return "done" if rows else None

    async def _change_an_assets_section(self, dice: random.Random) -> Outcome:
        # One of a section's two; each section keeps one, and most bookings stay where they are.
        asset, section = dice.choice(self.house.assets[-2:]), dice.choice(SECTIONS)
        if dice.random() < 0.5:
            await self.dashboard.run("update public.assets set section = %s where id = %s", [section, asset])
            return "done"
        return await self._send(
            dice, self.house.people["owner"], "PATCH", f"/assets/{asset}", json={"section": section}
        )


def _key(dice: random.Random) -> str:
    return str(uuid.UUID(int=dice.getrandbits(128)))
