"""An organisation in which every request can succeed: what its people ask for is made when they ask."""

import contextlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyotp

from tests.actors import (
    Actor,
    Connection,
    Organization,
    TokenSigner,
    add_member,
    as_user,
    make_asset,
    make_organization,
    make_user,
    rpc,
)
from tests.db.approving import make_rule, make_tier
from tests.db.booking import utc
from tests.db.ruling import add_row
from tests.harness import RunningStack
from tests.stack.api import PASSWORD, api, sign_in

Json = dict[str, Any]
MEMBERS: Final = ("owner", "admin", "manager", "member", "viewer")
ROLES: Final = (*MEMBERS, "stranger", "nobody")
# Bookings of the world's own begin so many days from now: outside the notice that anything asks for.
FIRST_DAY: Final = 3


class World:
    """One organisation, and somebody who asks for things in it.

    Whatever a request is about is made for this one request, by whoever may make it, so that each deletion
    finds something to delete. An hour of an asset is handed out once.

    Args:
        db: as role postgres, to the database behind the BFF.
        stack: it is in.
        signer: of access tokens.
        role: who asks: of the organisation, or a `stranger`, or `nobody`, who has no token.

    """

    def __init__(self, db: Connection, stack: RunningStack, signer: TokenSigner, role: str) -> None:
        self.db = db
        self._stack = stack
        self._signer = signer
        self._open = contextlib.ExitStack()
        self._connections: dict[str, Connection] = {}
        self.role = role
        self.office: Organization = make_organization(db, signer=signer)
        self.stranger = make_user(db, "stranger", signer=signer)
        # Owns organisations that who asks is invited to.
        self.host = make_user(db, "host")
        self.asking = make_asset(db, self.office.id, "watercraft", "Asks first")
        self.rule = make_rule(db, self.office, applies_to_all_assets=False)
        self.insert("tier_rule_assets", rule_id=self.rule, asset_id=self.asking)
        db.execute(
            "update public.subscriptions set seat_limit = 100000 where organization_id = %s", [self.office.id]
        )
        self._hours = 0
        self._number = 0
        self.account = self.actor or self.stranger
        # Whoever has verified a factor, as is asked for here, may write at aal2 only.
        self.token = None if self.actor is None else signer.sign(self.actor, aal="aal2")
        self.renew_session()
        db.execute(
            """
            update auth.users set encrypted_password = extensions.crypt(%s, extensions.gen_salt('bf', 4))
            where id = %s
            """,
            [PASSWORD, self.account.id],
        )

    def close(self) -> None:
        """Closes the people's connections."""
        self._open.close()

    @property
    def actor(self) -> Actor | None:
        """Who asks."""
        return None if self.role == "nobody" else self._person(self.role)

    def _person(self, role: str) -> Actor:
        others = {"stranger": self.stranger, "host": self.host}
        return others.get(role) or self.office.actor(role)

    def call(self, role: str, function: str, **arguments: Any) -> Json:
        """What the function answers to that person."""
        if role not in self._connections:
            person = as_user(self._stack.database_url, self._person(role), aal="aal2")
            self._connections[role] = self._open.enter_context(person)
        answer: Json = rpc(self._connections[role], function, **arguments)
        return answer

    def insert(self, table: str, **columns: Any) -> Json:
        """A row of the organisation, as the dashboard would write it."""
        return add_row(self.db, table, organization_id=self.office.id, **columns)

    @property
    def booker(self) -> str:
        """Who makes the bookings that are asked about: whoever asks, where they may book."""
        return self.role if self.role in MEMBERS[:4] else "member"

    def number(self) -> int:
        """One that nobody has had."""
        self._number += 1
        return self._number

    def hour(self) -> tuple[datetime, datetime]:
        """An hour that nobody has had."""
        self._hours += 1
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        start = today + timedelta(days=FIRST_DAY, hours=self._hours)
        return start, start + timedelta(hours=1)

    @property
    def foundations(self) -> frozenset[str]:
        """Ids of what all else here rests on: never what is changed or deleted."""
        people = [self._person(role).id for role in (*MEMBERS, "stranger", "host")]
        own = [self.office.id, self.office.tier, self.rule, self.asking]
        return frozenset([*own, *people, *self.office.assets.values()])

    def lift_rules(self) -> None:
        """Takes back what somebody has laid down, and might refuse all bookings from now on."""
        self.db.execute(
            "delete from public.tier_booking_rules where organization_id = %s and id <> %s",
            [self.office.id, self.rule],
        )
        self.db.execute("delete from public.blackout_dates where organization_id = %s", [self.office.id])

    # What requests are about

    def renew_session(self) -> None:
        """The session of who asks, which signing out ends and removing a factor lowers."""
        self.db.execute(
            """
            insert into auth.sessions (id, user_id, aal) values (%s, %s, 'aal2')
            on conflict (id) do update set aal = 'aal2'
            """,
            [self.account.session_id, self.account.id],
        )

    def refresh_token(self) -> str:
        return str(sign_in(self._stack, self.account.email).json()["refresh_token"])

    def factor(self) -> Json:
        """A second factor, and a challenge of it with its answer. There are no others: ten are the most."""
        self.db.execute("delete from auth.mfa_factors where user_id = %s", [self.account.id])
        token = self.token or sign_in(self._stack, self.account.email).json()["access_token"]
        with api(self._stack, token=token) as auth:
            factor = auth.post("/auth/v1/factors", json={"factor_type": "totp"}).json()
            challenge = auth.post(f"/auth/v1/factors/{factor['id']}/challenge", json={}).json()
        code = pyotp.TOTP(factor["totp"]["secret"]).now()
        return {"id": factor["id"], "challenge_id": challenge["id"], "code": code}

    def asset(self) -> str:
        """Its own, where a booking conflicts with none."""
        return make_asset(self.db, self.office.id, "planes", f"Plane {self.number()}")

    def archived_asset(self) -> str:
        return make_asset(
            self.db, self.office.id, "planes", f"Plane {self.number()}", deleted_at=datetime.now(UTC)
        )

    def reservation(self, asset: str | None = None) -> str:
        start, end = self.hour()
        made = self.call(
            self.booker,
            "create_reservation",
            p_asset_id=asset or self.office.assets["planes"],
            p_title="Trip",
            p_start_date=start,
            p_end_date=end,
        )
        return str(made["id"])

    def canceled_reservation(self) -> str:
        reservation = self.reservation()
        self.call(self.booker, "cancel_reservation", p_reservation_id=reservation)
        return reservation

    def pending_reservation(self) -> str:
        """By another than who asks: nobody decides on their own."""
        start, end = self.hour()
        made = self.call(
            "member",
            "create_reservation",
            p_asset_id=self.asking,
            p_title="May I?",
            p_start_date=start,
            p_end_date=end,
        )
        return str(made["id"])

    def series(self) -> Json:
        start, end = self.hour()
        made = self.call(
            self.booker,
            "create_series",
            p_asset_id=self.asset(),
            p_title="Each week",
            p_start_date=start,
            p_end_date=end,
            p_rrule="FREQ=WEEKLY;COUNT=3",
        )
        return {"id": made["id"], "from": utc(start)}

    def hold(self) -> Json:
        start, end = self.hour()
        asset = self.asset()
        made = self.call(self.booker, "create_hold", p_asset_id=asset, p_start_date=start, p_end_date=end)
        return {"id": made["id"], "asset_id": asset, "start_date": utc(start), "end_date": utc(end)}

    def taken(self) -> Json:
        """An hour that is booked, to wait for."""
        asset = self.asset()
        start, end = self.hour()
        booked = self.call(
            "manager",
            "create_reservation",
            p_asset_id=asset,
            p_title="First",
            p_start_date=start,
            p_end_date=end,
        )
        return {"reservation": booked["id"], "asset_id": asset, "start_date": start, "end_date": end}

    def waiting(self) -> Json:
        """A place in the waiting list. There are no others: twenty are the most."""
        self.db.execute("delete from public.waitlist_entries where organization_id = %s", [self.office.id])
        wish = self.taken()
        entry = self.call(
            self.booker,
            "join_waitlist",
            p_organization_id=self.office.id,
            p_asset_id=wish["asset_id"],
            p_title="Second",
            p_start_date=wish["start_date"],
            p_end_date=wish["end_date"],
        )
        return {**wish, "id": entry["id"]}

    def offered(self) -> str:
        entry = self.waiting()
        self.call("manager", "cancel_reservation", p_reservation_id=entry["reservation"])
        return str(entry["id"])

    def maintenance(self) -> str:
        start, end = self.hour()
        made = self.call(
            "admin",
            "create_maintenance",
            p_asset_id=self.office.assets["helicopters"],
            p_title="Inspection",
            p_start_date=start,
            p_end_date=end,
        )
        return str(made["id"])

    def member(self) -> str:
        person = make_user(self.db, "guest")
        add_member(self.db, self.office.id, person, "viewer", self.office.tier)
        return person.id

    def invitation(self) -> str:
        email = f"guest.{uuid.uuid4().hex[:12]}@example.test"
        made = self.call(
            "admin",
            "create_invitation",
            p_organization_id=self.office.id,
            p_invitation={"email": email, "role": "viewer"},
        )
        return str(made["id"])

    def invitation_token(self) -> str:
        """Of another organisation: who asks is a member of this one."""
        host = self.call("host", "create_organization", p_organization={"legal_name": "Host"})
        made = self.call(
            "host",
            "create_invitation",
            p_organization_id=host["id"],
            p_invitation={"email": self.account.email, "role": "viewer"},
        )
        return str(made["token"])

    def organization(self, *, deleted: bool = False) -> str:
        """Another one of the same owner, with who asks in the same role."""
        made = self.call("owner", "create_organization", p_organization={"legal_name": "Another"})
        organization = str(made["id"])
        if self.role in MEMBERS[1:] and not deleted:
            add_member(self.db, organization, self._person(self.role), self.role, None)
        if deleted:
            self.call("owner", "delete_organization", p_organization_id=organization)
        return organization

    def tier(self) -> str:
        number = self.number()
        return make_tier(self.db, self.office, f"Tier {number}", 1000 + number)

    def rule_of_none(self) -> str:
        """A rule that is for no asset."""
        return make_rule(self.db, self.office, applies_to_all_assets=False, name=f"Rule {self.number()}")

    def blackout(self) -> str:
        row = self.insert(
            "blackout_dates", tier_id=self.tier(), start_date="2190-01-01", end_date="2190-01-02"
        )
        return str(row["id"])

    def holiday(self) -> str:
        return str(self.insert("holidays", name=f"Day {self.number()}", month_day="07-16")["id"])

    def delegation(self) -> str:
        made = self.call(
            self.booker,
            "create_approval_delegation",
            p_organization_id=self.office.id,
            p_delegate_id=self.other(),
            p_ends_at=datetime.now(UTC) + timedelta(days=1, minutes=self.number()),
        )
        return str(made["id"])

    def other(self) -> str:
        """A member who is not the one who asks."""
        return (self.office.admin if self.booker != "admin" else self.office.owner).id

    def uploaded(self) -> Json:
        """A file in Storage, and the asset that it shows."""
        asset = self.asset()
        path = f"{self.office.id}/{asset}/{uuid.uuid4()}.png"
        self.db.execute(
            "insert into storage.objects (bucket_id, name, owner) values ('asset-photos', %s, %s)",
            [path, self.office.owner.id],
        )
        return {"asset": asset, "path": path}

    def photo(self) -> str:
        file = self.uploaded()
        return str(self.insert("asset_photos", asset_id=file["asset"], path=file["path"])["id"])
