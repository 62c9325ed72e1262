"""Rules that count: a person's bookings as rows, and what the trigger of a rule says of one more."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.actors import Actor, Connection, Organization, make_asset, make_organization
from tests.db.booking import insert_booking

PANAMA = "America/Panama"
NEW_YORK = "America/New_York"
TOKYO = "Asia/Tokyo"

CASE = """row(%(organization)s, %(asset)s, %(section)s, %(zone)s, %(user)s, %(tier)s, %(start)s, %(end)s,
    %(exclude)s::uuid[], %(starts_anew)s)::app.booking_case"""


def local(text: str, zone: str = PANAMA) -> datetime:
    """That local time there, '2031-03-09' or '2031-03-09 14:00'."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@dataclass(frozen=True)
class Asset:
    id: str
    section: str
    zone: str


@dataclass(frozen=True)
class Counted:
    """One member's bookings. Times are local to the asset's zone."""

    db: Connection
    organization: Organization
    assets: dict[str, Asset]

    @property
    def member(self) -> Actor:
        return self.organization.member

    def lay(self, asset: str, start: str, end: str, **columns: Any) -> str:
        """A booking of the member's; `columns` replace columns of the row."""
        zone = self.assets[asset].zone
        return self.lay_at(asset, local(start, zone), local(end, zone), **columns)

    def lay_at(self, asset: str, start: datetime, end: datetime, **columns: Any) -> str:
        """The same at instants."""
        row = insert_booking(self.db, self.organization, self.assets[asset].id, start, end, **columns)
        return str(row["id"])

    def lay_all(self, bookings: Iterable[tuple[str, str, str]]) -> None:
        """These bookings, each (asset, start, end)."""
        for asset, start, end in bookings:
            self.lay(asset, start, end)

    def ask(
        self, rule: str, asset: str, start: str, end: str, exclude: Iterable[str] = (), **conditions: Any
    ) -> Any:
        """What the rule's trigger finds of one more booking; None is nothing."""
        zone = self.assets[asset].zone
        return self.ask_at(rule, asset, local(start, zone), local(end, zone), exclude, **conditions)

    def ask_at(
        self,
        rule: str,
        asset: str,
        start: datetime,
        end: datetime,
        exclude: Iterable[str] = (),
        **conditions: Any,
    ) -> Any:
        """The same at instants."""
        call = f"app.{rule}_trigger(({CASE}), %(conditions)s)"
        return self._call(call, asset, start, end, exclude, conditions=json.dumps(conditions))

    def tier_limits(self, asset: str, start: datetime, end: datetime, *, starts_anew: bool = True) -> Any:
        """What of the tier's limits the booking exceeds."""
        return self._call(f"app.tier_limit_violations(({CASE}))", asset, start, end, starts_anew=starts_anew)

    def now(self) -> datetime:
        """The one instant of the transaction."""
        row = self.db.execute("select now() as now").fetchone()
        assert row is not None
        now: datetime = row["now"]
        return now

    def _call(
        self,
        call: str,
        asset: str,
        start: datetime,
        end: datetime,
        exclude: Iterable[str] = (),
        *,
        starts_anew: bool = True,
        **more: Any,
    ) -> Any:
        where = self.assets[asset]
        values = {
            "organization": self.organization.id,
            "asset": where.id,
            "section": where.section,
            "zone": where.zone,
            "user": self.member.id,
            "tier": self.organization.tier,
            "start": start,
            "end": end,
            "exclude": list(exclude),
            "starts_anew": starts_anew,
        }
        row = self.db.execute(f"select {call} as found".encode(), {**values, **more}).fetchone()
        assert row is not None
        return row["found"]


def make_counted(db: Connection) -> Counted:
    """A fresh organisation: two planes in two zones, a residence and a helicopter."""
    organization = make_organization(db)
    assets = {}
    for name, section, zone in (
        ("jet", "planes", PANAMA),
        ("prop", "planes", NEW_YORK),
        ("villa", "residences", PANAMA),
        ("cabin", "residences", NEW_YORK),
        ("heli", "helicopters", TOKYO),
    ):
        assets[name] = Asset(make_asset(db, organization.id, section, name, timezone=zone), section, zone)
    return Counted(db, organization, assets)
