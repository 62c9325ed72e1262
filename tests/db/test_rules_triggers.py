"""What triggers rules, blackouts and a residence's hours: edges of days, of years, of changing clocks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.actors import Connection, Organization, make_asset, make_organization
from tests.db.booking import at, utc
from tests.db.ruling import NEW_YORK, PANAMA, Json, add_row, add_rule, codes, judge, local

JULY = ("2032-07-01", "2032-07-31")


def holiday_id(db: Connection, name: str) -> str:
    row = db.execute(
        "select id from public.holidays where organization_id is null and name = %s", [name]
    ).fetchone()
    assert row is not None
    return str(row["id"])


class TestBlackouts:
    """Local days of the asset, the first and the last included."""

    @pytest.mark.parametrize(
        ("start", "end", "touched"),
        [
            ("2032-05-09 10:00", "2032-05-14 10:00", True),  # spanning it whole
            ("2032-05-12 20:00", "2032-05-14 10:00", True),  # its last day only
            ("2032-05-09 10:00", "2032-05-10 00:01", True),  # its first minute
            ("2032-05-11 10:00", "2032-05-11 11:00", True),  # within it
            ("2032-05-09 10:00", "2032-05-10 00:00", False),  # ending as it begins
            ("2032-05-13 00:00", "2032-05-14 10:00", False),  # beginning as it ends
        ],
    )
    def test_touching_one_day_is_enough(
        self,
        court: Connection,
        db: Connection,
        organization: Organization,
        plane: str,
        start: str,
        end: str,
        touched: bool,
    ) -> None:
        add_row(
            db,
            "blackout_dates",
            organization_id=organization.id,
            start_date="2032-05-10",
            end_date="2032-05-12",
            reason="Yearly overhaul",
        )
        violations = judge(court, plane, organization.member, local(PANAMA, start), local(PANAMA, end))
        assert codes(violations) == ["blackout"] * touched
        for violation in violations:
            assert (
                violation["message"]
                == "No bookings are taken from 10 May 2032 to 12 May 2032 (Yearly overhaul)."
            )
            assert violation["params"].pop("blackout_id")
            assert violation["params"] == {
                "start_date": "2032-05-10",
                "end_date": "2032-05-12",
                "reason": "Yearly overhaul",
            }

    def test_they_are_for_a_tier_an_asset_both_or_all(
        self, court: Connection, db: Connection, organization: Organization, plane: str
    ) -> None:
        other_tier = add_row(db, "tiers", organization_id=organization.id, name="Other", priority=1)["id"]
        stranger = make_organization(db)
        days = {"start_date": "2032-05-10", "end_date": "2032-05-10"}
        for tier in (None, organization.tier, other_tier):
            for asset in (None, plane, organization.assets["watercraft"]):
                add_row(
                    db,
                    "blackout_dates",
                    organization_id=organization.id,
                    tier_id=tier,
                    asset_id=asset,
                    reason=f"{tier}/{asset}",
                    **days,
                )
        add_row(db, "blackout_dates", organization_id=stranger.id, **days)
        start = local(PANAMA, "2032-05-10 10:00")
        violations = judge(court, plane, organization.member, start, start + timedelta(hours=1))
        assert {each["params"]["reason"] for each in violations} == {
            f"{tier}/{asset}" for tier in (None, organization.tier) for asset in (None, plane)
        }
        assert {each["message"].split(" (")[0] for each in violations} == {
            "No bookings are taken on 10 May 2032"
        }

    def test_one_instant_is_two_dates_and_the_assets_counts(
        self, court: Connection, db: Connection, organization: Organization, plane: str, flat: str
    ) -> None:
        """22:30 on 30 April in Panama is 23:30 in New York, and 23:30 is 00:30 on 1 May."""
        add_row(
            db,
            "blackout_dates",
            organization_id=organization.id,
            start_date="2032-05-01",
            end_date="2032-05-01",
        )
        half_past_ten, half_past_eleven = (local(PANAMA, f"2032-04-30 {hour}:30") for hour in (22, 23))

        def touched(asset: str, start: datetime) -> bool:
            return bool(judge(court, asset, organization.member, start, start + timedelta(minutes=20)))

        touches = [touched(asset, at) for at in (half_past_ten, half_past_eleven) for asset in (plane, flat)]
        assert touches == [False, False, False, True]


class TestDateRanges:
    @pytest.mark.parametrize(
        ("conditions", "start", "end", "expected"),
        [
            # Over New Year, from either side, and spanning it.
            (("12-20", "01-06"), "2031-12-19 08:00", "2031-12-20 00:00", None),
            (("12-20", "01-06"), "2031-12-19 08:00", "2031-12-20 00:01", ("2031-12-20", "2032-01-06")),
            (("12-20", "01-06"), "2032-01-06 23:00", "2032-01-06 23:30", ("2031-12-20", "2032-01-06")),
            (("12-20", "01-06"), "2032-01-07 00:00", "2032-01-08 00:00", None),
            (("12-20", "01-06"), "2031-12-01 00:00", "2032-02-01 00:00", ("2031-12-20", "2032-01-06")),
            (("12-20", "01-06"), "2032-02-01 00:00", "2033-01-31 00:00", ("2032-12-20", "2033-01-06")),
            # 29 February is the 28th where there is none.
            (("02-29", "02-29"), "2032-02-29 10:00", "2032-02-29 12:00", ("2032-02-29", "2032-02-29")),
            (("02-29", "02-29"), "2032-02-28 10:00", "2032-02-28 12:00", None),
            (("02-29", "02-29"), "2033-02-28 10:00", "2033-02-28 12:00", ("2033-02-28", "2033-02-28")),
            (("02-29", "03-02"), "2033-02-28 10:00", "2033-02-28 12:00", ("2033-02-28", "2033-03-02")),
            (("02-20", "02-29"), "2033-03-01 00:00", "2033-03-01 12:00", None),
            (("02-20", "02-28"), "2032-02-29 10:00", "2032-02-29 12:00", None),
            # Dated: once, and no other year.
            (JULY, "2032-06-01 00:00", "2032-09-01 00:00", JULY),
            (JULY, "2032-07-31 23:00", "2032-08-03 00:00", JULY),
            (JULY, "2033-07-15 10:00", "2033-07-15 11:00", None),
        ],
    )
    def test_overlapping_the_range_by_a_day_is_enough(
        self,
        court: Connection,
        db: Connection,
        organization: Organization,
        plane: str,
        conditions: tuple[str, str],
        start: str,
        end: str,
        expected: tuple[str, str] | None,
    ) -> None:
        suffix = "month_day" if len(conditions[0]) == 5 else "date"
        keys = (f"start_{suffix}", f"end_{suffix}")
        add_rule(db, organization, "date_range", dict(zip(keys, conditions, strict=True)))
        violations = judge(court, plane, organization.member, local(PANAMA, start), local(PANAMA, end))
        assert [(each["params"]["start_date"], each["params"]["end_date"]) for each in violations] == (
            [expected] if expected else []
        )

    def test_days_are_the_assets(
        self, court: Connection, db: Connection, organization: Organization, plane: str, flat: str
    ) -> None:
        add_rule(db, organization, "date_range", {"start_month_day": "05-01", "end_month_day": "05-01"})
        start = local(PANAMA, "2032-04-30 23:30")
        ends = start + timedelta(minutes=20)
        assert codes(judge(court, plane, organization.member, start, ends)) == []
        (violation,) = judge(court, flat, organization.member, start, ends)
        assert violation["message"] == (
            "There is a rule for bookings on 1 May 2032, and this booking touches those days."
        )


class TestHolidays:
    def test_carnival_with_days_around_it(
        self, court: Connection, db: Connection, organization: Organization, plane: str
    ) -> None:
        # Easter is 28 March 2032: carnival Monday is 9 February.
        monday, tuesday = (holiday_id(db, f"Carnival {day}") for day in ("Monday", "Tuesday"))
        add_rule(
            db, organization, "holiday", {"holiday_ids": [tuesday, monday], "days_before": 2, "days_after": 1}
        )

        def touched(day: str) -> list[tuple[str, str]]:
            start = local(PANAMA, f"{day} 10:00")
            found = judge(court, plane, organization.member, start, start + timedelta(hours=1))
            return [(each["params"]["name"], each["params"]["date"]) for each in found]

        assert touched("2032-02-06") == []
        assert touched("2032-02-07") == [("Carnival Monday", "2032-02-09")]
        assert touched("2032-02-10") == [("Carnival Monday", "2032-02-09")]
        assert touched("2032-02-11") == [("Carnival Tuesday", "2032-02-10")]
        assert touched("2032-02-12") == []

    def test_what_it_says(
        self, court: Connection, db: Connection, organization: Organization, plane: str
    ) -> None:
        new_year = holiday_id(db, "New Year's Day")
        add_rule(db, organization, "holiday", {"holiday_ids": [new_year], "days_before": 2})
        start = local(PANAMA, "2031-12-30 10:00")
        (violation,) = judge(court, plane, organization.member, start, start + timedelta(hours=1))
        assert violation["message"] == (
            "There is a rule for bookings around New Year's Day (1 January 2032), "
            "and this booking touches the days from 30 December 2031 to 1 January 2032."
        )
        assert violation["params"] == {
            "holiday_id": new_year,
            "name": "New Year's Day",
            "name_es": "Año Nuevo",
            "date": "2032-01-01",
            "days_before": 2,
            "days_after": 0,
            "start_date": "2031-12-30",
            "end_date": "2032-01-01",
        }

    def test_an_organisations_own_may_be_yearly_by_easter_or_once(
        self, court: Connection, db: Connection, organization: Organization, plane: str
    ) -> None:
        own = [
            add_row(db, "holidays", organization_id=organization.id, name=name, **{column: value})["id"]
            for name, column, value in (
                ("Founder", "month_day", "02-29"),
                ("Corpus Christi", "easter_offset", 60),
                ("Inauguration", "date", "2034-07-01"),
            )
        ]
        add_rule(db, organization, "holiday", {"holiday_ids": own})

        def touched(day: str) -> list[str]:
            start = local(PANAMA, f"{day} 10:00")
            found = judge(court, plane, organization.member, start, start + timedelta(hours=1))
            return [each["params"]["name"] for each in found]

        assert touched("2032-02-29") == touched("2033-02-28") == ["Founder"]
        assert touched("2032-05-27") == touched("2033-06-16") == ["Corpus Christi"]
        assert touched("2034-07-01") == ["Inauguration"]
        assert touched("2032-02-28") == touched("2033-05-27") == touched("2035-07-01") == []

    def test_the_long_booking_over_a_holiday_touches_it(
        self, court: Connection, db: Connection, organization: Organization, plane: str
    ) -> None:
        add_rule(db, organization, "holiday", {"holiday_ids": [holiday_id(db, "Christmas Day")]})
        start = local(PANAMA, "2031-12-26 10:00")
        assert judge(court, plane, organization.member, start, start + timedelta(days=300)) == []
        assert judge(court, plane, organization.member, start, start + timedelta(days=365)) != []


class TestNotice:
    """lead_time and advance_window."""

    def test_equal_passes_and_a_moment_less_does_not(
        self, court: Connection, db: Connection, organization: Organization, plane: str
    ) -> None:
        add_rule(db, organization, "lead_time", {"min_hours": 48})
        with court.transaction():
            now = court.execute("select now() as now").fetchone()
            assert now is not None
            exactly = now["now"] + timedelta(hours=48)
            moment = timedelta(microseconds=1)
            assert judge(court, plane, organization.member, exactly, exactly + timedelta(hours=1)) == []
            (violation,) = judge(court, plane, organization.member, exactly - moment, exactly)
        assert violation["message"] == (
            "Bookings are made at least 48 hours ahead; this one begins in 1 day 23 hours 59 minutes."
        )
        assert violation["params"] == {
            "min_hours": 48,
            "minutes_ahead": 2879,
            "earliest_start": utc(exactly),
        }

    def test_hours_are_hours_when_clocks_change(
        self, court: Connection, db: Connection, organization: Organization, flat: str
    ) -> None:
        """Not local ones: 8784 hours from now are that many hours, whatever changes of clocks lie between."""
        add_rule(db, organization, "lead_time", {"min_hours": 8784})
        with court.transaction():
            court.execute("set local timezone = 'America/New_York'")
            now = court.execute("select now() as now").fetchone()
            assert now is not None
            exactly = now["now"].astimezone(UTC) + timedelta(hours=8784)
            assert judge(court, flat, organization.member, exactly, exactly + timedelta(hours=1)) == []

    def test_the_window_ends_with_a_local_day(
        self, court: Connection, db: Connection, organization: Organization, plane: str, flat: str
    ) -> None:
        add_rule(db, organization, "advance_window", {"max_days": 30})
        for asset, zone in ((plane, PANAMA), (flat, NEW_YORK)):
            with court.transaction():
                now = court.execute("select now() as now").fetchone()
                assert now is not None
                last = now["now"].astimezone(zone).date() + timedelta(days=30)
                late = datetime(last.year, last.month, last.day, 23, 59, tzinfo=zone)
                assert judge(court, asset, organization.member, late, late + timedelta(hours=5)) == []
                after = late + timedelta(minutes=1)
                (violation,) = judge(court, asset, organization.member, after, after + timedelta(hours=5))
            assert violation["params"] == {
                "max_days": 30,
                "latest_date": last.isoformat(),
                "start_date": (last + timedelta(days=1)).isoformat(),
            }

    def test_booking_anew_after_cancelling_is_asked_for_notice_again(
        self, court: Connection, db: Connection, organization: Organization, plane: str
    ) -> None:
        """Only what keeps its start and asset is spared; a new booking never is, whatever was there."""
        add_rule(db, organization, "lead_time", {"min_hours": 8000})
        add_rule(db, organization, "advance_window", {"max_days": 1})
        found = codes(judge(court, plane, organization.member, at(3), at(4)))
        assert set(found) == {"lead_time", "advance_window"}
        assert judge(court, plane, organization.member, at(3), at(4), starts_anew=False) == []


class TestDuration:
    @pytest.mark.parametrize(
        ("conditions", "start", "end", "code"),
        [
            ({"min_minutes": 120}, "2032-05-03 10:00", "2032-05-03 12:00", None),
            ({"min_minutes": 120}, "2032-05-03 10:00", "2032-05-03 11:59", "duration_too_short"),
            ({"max_minutes": 120}, "2032-05-03 10:00", "2032-05-03 12:00", None),
            ({"max_minutes": 120}, "2032-05-03 10:00", "2032-05-03 12:01", "duration_too_long"),
            ({"max_nights": 2}, "2032-05-03 00:00", "2032-05-05 23:59", None),
            ({"max_nights": 2}, "2032-05-03 23:59", "2032-05-06 00:00", "too_many_nights"),
            ({"max_nights": 0}, "2032-05-03 08:00", "2032-05-03 20:00", None),
            (
                {"min_minutes": 60, "max_minutes": 90, "max_nights": 1},
                "2032-05-03 10:00",
                "2032-05-03 11:30",
                None,
            ),
        ],
    )
    def test_its_bounds_pass(
        self,
        court: Connection,
        db: Connection,
        organization: Organization,
        plane: str,
        conditions: Json,
        start: str,
        end: str,
        code: str | None,
    ) -> None:
        add_rule(db, organization, "duration", conditions)
        violations = judge(court, plane, organization.member, local(PANAMA, start), local(PANAMA, end))
        assert codes(violations) == ([code] if code else [])

    def test_minutes_pass_while_clocks_jump_and_nights_do_not_care(
        self, court: Connection, db: Connection, organization: Organization, plane: str, flat: str
    ) -> None:
        """New York: 14 March 2032 has 23 hours, 7 November 25. Panama, the control, has 24 always."""
        add_rule(db, organization, "duration", {"min_minutes": 1440, "max_minutes": 1440, "max_nights": 1})

        def found(asset: str, zone: Any, day: str, next_day: str) -> list[str]:
            start, end = local(zone, f"{day} 00:00"), local(zone, f"{next_day} 00:00")
            return codes(judge(court, asset, organization.member, start, end))

        assert found(flat, NEW_YORK, "2032-03-14", "2032-03-15") == ["duration_too_short"]
        assert found(flat, NEW_YORK, "2032-11-07", "2032-11-08") == ["duration_too_long"]
        assert found(flat, NEW_YORK, "2032-05-03", "2032-05-04") == []
        for day, next_day in (("2032-03-14", "2032-03-15"), ("2032-11-07", "2032-11-08")):
            assert found(plane, PANAMA, day, next_day) == []

    def test_it_names_the_numbers(
        self, court: Connection, db: Connection, organization: Organization, plane: str
    ) -> None:
        start = local(PANAMA, "2032-05-03 10:00")
        add_rule(db, organization, "duration", {"max_minutes": 240}, priority=1)
        add_rule(db, organization, "duration", {"max_nights": 1}, priority=2)
        assert [
            each["message"]
            for each in judge(court, plane, organization.member, start, start + timedelta(days=2, minutes=1))
        ] == [
            "A booking takes at most 4 hours; this one takes 2 days 1 minute.",
            "A stay has at most 1 night; this one has 2.",
        ]


class TestCheckIn:
    """A residence from 15:00 on, until 11:00."""

    @pytest.fixture
    def house(self, db: Connection, organization: Organization) -> str:
        return make_asset(
            db,
            organization.id,
            "residences",
            "House",
            timezone="America/New_York",
            check_in="15:00",
            check_out="11:00",
        )

    @pytest.mark.parametrize(
        ("start", "end", "found"),
        [
            ("2032-05-03 15:00", "2032-05-05 11:00", []),
            ("2032-05-03 14:59", "2032-05-05 11:00", ["before_check_in"]),
            ("2032-05-03 15:00", "2032-05-05 11:01", ["after_check_out"]),
            ("2032-05-03 10:00", "2032-05-05 20:00", ["before_check_in", "after_check_out"]),
            # Who stays no night leaves before nobody's arrival.
            ("2032-05-03 15:00", "2032-05-03 20:00", []),
            ("2032-05-03 09:00", "2032-05-03 11:00", ["before_check_in"]),
            # Local times on the days of the change of clocks, and midnight.
            ("2032-03-13 15:00", "2032-03-14 11:00", []),
            ("2032-11-06 15:00", "2032-11-07 11:01", ["after_check_out"]),
            ("2032-05-03 18:00", "2032-05-05 00:00", []),
        ],
    )
    def test_hours_are_local(
        self,
        court: Connection,
        organization: Organization,
        house: str,
        start: str,
        end: str,
        found: list[str],
    ) -> None:
        violations = judge(court, house, organization.member, local(NEW_YORK, start), local(NEW_YORK, end))
        assert codes(violations) == found

    def test_it_names_the_hours(self, court: Connection, organization: Organization, house: str) -> None:
        start, end = local(NEW_YORK, "2032-05-03 10:30"), local(NEW_YORK, "2032-05-05 12:00")
        early, late = judge(court, house, organization.member, start, end)
        assert early["message"] == "Check-in is from 15:00; this stay begins at 10:30."
        assert early["params"] == {"check_in": "15:00", "start_time": "10:30"}
        assert late["message"] == "Check-out is until 11:00; this stay ends at 12:00."
        assert late["params"] == {"check_out": "11:00", "end_time": "12:00"}

    def test_a_residence_without_hours_and_other_assets_are_open_all_day(
        self, court: Connection, organization: Organization, plane: str, flat: str
    ) -> None:
        for asset in (plane, flat):
            assert judge(court, asset, organization.member, at(3, 4), at(5, 22)) == []
