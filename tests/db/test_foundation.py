"""The helpers that every function and policy shares."""

import json
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from pydantic import BaseModel

from tests.actors import Connection, refused


class Moment(BaseModel):
    """A time as the BFF prints it."""

    at: datetime


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, 120000, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
)
def test_times_are_written_as_the_bff_writes_them(db: Connection, moment: datetime) -> None:
    with db.transaction(force_rollback=True):
        db.execute("set local timezone = 'America/New_York'")
        row = db.execute("select app.utc(%s) as text", [moment]).fetchone()
    assert row == {"text": json.loads(Moment(at=moment).model_dump_json())["at"]}


def test_a_business_error_carries_code_status_and_details(db: Connection) -> None:
    with refused("CONFLICT", 409) as failures:
        db.execute("""select app.fail('CONFLICT', 'Taken.', 409, '{"conflicts": [{"id": 1}]}')""")
    assert failures[0].message == "Taken."
    assert failures[0].details == {"conflicts": [{"id": 1}]}


def test_what_passes_by_itself_says_when_to_try_again(db: Connection) -> None:
    with pytest.raises(psycopg.Error) as failure:
        db.execute("select app.fail('SERVICE_UNAVAILABLE', 'Busy.', 503)")
    assert json.loads(failure.value.diag.message_detail or "")["headers"] == {"Retry-After": "1"}


def _codes(db: Connection, query: str) -> list[tuple[str, str]]:
    row = db.execute(f"select {query} as errors".encode()).fetchone()
    assert row is not None
    return [(error["path"], error["code"]) for error in row["errors"]]


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        ({"name": "x"}, []),
        ({"name": "x", "size": None}, []),
        ({"name": None}, [("name", "missing")]),
        ({"size": 1, "nmae": "x"}, [("name", "missing"), ("nmae", "extra_forbidden")]),
        ([], [("", "dict_type")]),
        (None, [("", "dict_type")]),
        ("name", [("", "dict_type")]),
    ],
)
def test_unknown_and_missing_keys_are_found(
    db: Connection, value: Any, faults: list[tuple[str, str]]
) -> None:
    query = f"app.key_errors('{json.dumps(value)}', '{{name,size}}', '{{name}}')"
    assert _codes(db, query) == faults


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        ({}, []),
        ({"name": None}, []),
        ({"name": "ñandú"}, []),
        ({"name": "ñandús"}, [("boat.name", "string_too_long")]),
        ({"name": " \t"}, [("boat.name", "string_too_short")]),
        ({"name": 5}, [("boat.name", "string_type")]),
    ],
)
def test_texts_are_bounded_in_characters(db: Connection, value: Any, faults: list[tuple[str, str]]) -> None:
    assert _codes(db, f"app.text_errors('{json.dumps(value)}', 'name', 5, 'boat')") == faults


def test_all_faults_are_raised_at_once_and_none_pass(db: Connection) -> None:
    with refused("VALIDATION_ERROR", 400) as failures:
        db.execute("""select app.check_keys('{"a": 1, "b": 2}', '{}')""")
    assert [field["path"] for field in failures[0].details["fields"]] == ["a", "b"]
    assert db.execute("select app.check_keys('{}', '{}') is not null as passed").fetchone() is not None


@pytest.mark.parametrize("name", ["America/Panama", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "UTC"])
def test_iana_names_are_time_zones(db: Connection, name: str) -> None:
    assert db.execute("select app.is_time_zone(%s) as known", [name]).fetchone() == {"known": True}


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Panama",
        "america/panama",
        "PST",
        "UTC+3",
        "Foo/Bar3",
        "posix/America/Panama",
        "localtime",
        "<+05>-5",
    ],
)
def test_what_only_postgres_understands_is_no_time_zone(db: Connection, name: str) -> None:
    assert db.execute("select app.is_time_zone(%s) as known", [name]).fetchone() == {"known": False}


def test_a_zone_newer_than_the_table_is_found(db: Connection) -> None:
    with db.transaction(force_rollback=True):
        db.execute("delete from app.time_zones where name = 'America/New_York'")
        assert db.execute("select app.is_time_zone('America/New_York') as known").fetchone() == {
            "known": True
        }
