"""The verdict itself: it finds nothing in an honest record, and each way in which a record can be wrong."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.actors import Actor
from tests.prove.journal import Journal
from tests.prove.records import Life, Opening, Received, Shown, Watcher
from tests.prove.verdict import Allowance, Log, bookings, check, expected, same
from tests.prove.viewers import Viewer
from tests.relay.client import Sent
from tests.relay.fakes import make_event

ORG, OTHER, USER = "house", "neighbours", "anna"
MARK = "-0a1b2c3d"
# Seconds of the doctored clock: the snapshot is taken at 100, and a frame is read each second from 111 on.
SNAPSHOT, STREAM, FIRST = 100.0, 110.0, 111.0
REVIEW, ALLOWED = 2.0, 5.0
LATE = 1000.0


def right(at: float, kind: str, subject: str, organization: str = ORG, **state: Any) -> dict[str, Any]:
    return {
        "at": at,
        "kind": kind,
        "organization_id": organization,
        "subject": subject,
        "state": state or None,
    }


def rights(*later: dict[str, Any], role: str = "member", sections: tuple[str, ...] = ("planes",)) -> Journal:
    """Anna's rights, two assets of ours and one of the neighbours', and what changes later."""
    return Journal(
        [
            right(1, "asset", "a1", section="planes"),
            right(1, "asset", "a2", section="residences"),
            right(1, "asset", "n1", OTHER, section="planes"),
            right(1, "tier", "t", sections=list(sections), is_default=True),
            right(1, "member", USER, role=role, tier_id="t"),
            *later,
        ]
    )


def log() -> Log:
    plane, house = ("a1", "planes"), ("a2", "residences")
    rows = [
        make_event(ORG, 1, type="reservation_created", new=plane),
        make_event(ORG, 2, type="reservation_updated", new=plane),
        make_event(ORG, 3, type="reservation_created", new=house),
        make_event(ORG, 4, type="reservation_updated", new=house, old=plane),
        make_event(ORG, 5, type="reservation_updated", new=plane, old=house),
        make_event(ORG, 6, type="maintenance_scheduled", new=plane),
        make_event(ORG, 7, type="reservation_canceled", new=plane),
    ]
    for row in rows:
        if row["type"].endswith(("created", "scheduled")):
            row["payload"]["previousState"] = None
        if row["type"].startswith("maintenance"):
            row["payload"] = {"maintenance": row["payload"]["reservation"], "previousState": None}
    return Log(rows)


def honest(log: Log, journal: Journal, shown: Shown | None = None) -> Life:
    """What a view from the log's beginning is given."""
    watcher = Watcher("anna's", ORG, USER, shown or Shown())
    life = Life(watcher, (SNAPSHOT, SNAPSHOT), "0-00000000" + MARK, {})
    opening = Opening(STREAM, life.cursor)
    sections = journal.rights[-1].sections(ORG, USER)
    frames = [Sent("ready", {"resumed": True, "cursor": life.cursor}, life.cursor)]
    for row in log.rows:
        if change := expected(row, watcher, sections):
            cursor, event, data = change
            frames.append(Sent(event, copy.deepcopy(data), cursor + MARK))
    frames.append(Sent("heartbeat", {}, log.rows[-1]["cursor"] + MARK))
    life.received = [
        Received(frame, opening, FIRST + place, FIRST + place - 1) for place, frame in enumerate(frames)
    ]
    return life


def verdict(life: Life, log: Log, journal: Journal, *outages: tuple[float, float]) -> str:
    return "\n".join(check(life, log, journal, Allowance(ALLOWED, REVIEW, list(outages))))


@pytest.mark.parametrize(
    ("role", "shown"),
    [
        ("owner", Shown()),
        ("member", Shown()),
        ("owner", Shown(assets=frozenset({"a2"}))),
        ("manager", Shown(section="residences")),
        ("member", Shown(section="residences")),
    ],
)
def test_nothing_is_found_in_an_honest_record(role: str, shown: Shown) -> None:
    events, journal = log(), rights(role=role)
    assert verdict(honest(events, journal, shown), events, journal) == ""


def test_a_limited_view_is_expected_to_see_moves_from_its_side_only() -> None:
    events, journal = log(), rights()
    seen = [(each.frame.event, (each.frame.id or "")[:1]) for each in honest(events, journal).changes]
    assert seen == [
        ("reservation_created", "1"),
        ("reservation_updated", "2"),
        ("reservation_canceled", "4"),
        ("reservation_created", "5"),
        ("maintenance_scheduled", "6"),
        ("reservation_canceled", "7"),
    ]


def lose(received: list[Received]) -> None:
    del received[2]


def lose_the_last(received: list[Received]) -> None:
    del received[-2]


def double(received: list[Received]) -> None:
    received.insert(3, received[2])


def exchange(received: list[Received]) -> None:
    received[2], received[3] = received[3], received[2]


def alter(received: list[Received]) -> None:
    received[2].frame.data["payload"]["reservation"]["asset_id"] = "a1 of yesterday"


def rename(received: list[Received]) -> None:
    received[2] = replace(received[2], frame=replace(received[2].frame, event="reservation_created"))


def invent(received: list[Received]) -> None:
    received[2] = replace(received[2], frame=replace(received[2].frame, id="2-ffffffff" + MARK))


def go_back(received: list[Received]) -> None:
    received.append(replace(received[-1], frame=Sent("heartbeat", {}, "3-00000000" + MARK)))


def begin_without_ready(received: list[Received]) -> None:
    del received[0]


def resume_elsewhere(received: list[Received]) -> None:
    cursor = received[1].frame.id
    received[0] = replace(received[0], frame=Sent("ready", {"resumed": True}, cursor))
    del received[1]


def go_on_without_resuming(received: list[Received]) -> None:
    received[0] = replace(received[0], frame=Sent("ready", {"resumed": False}, "0-00000000" + MARK))


def resume_from_another_history(received: list[Received]) -> None:
    forged = replace(received[0].opening, forged=True)
    received[:] = [replace(each, opening=forged) for each in received]


@pytest.mark.parametrize(
    ("doctor", "found"),
    [
        (lose, "is in the log and was not seen"),
        (lose_the_last, "is in the log and was not seen"),
        (double, "order: "),
        (exchange, "order: "),
        (alter, "was told as"),
        (rename, "was told as"),
        (invent, "was seen and should not have been"),
        (go_back, "order: "),
        (begin_without_ready, "opening: "),
        (resume_elsewhere, "opening: "),
        (go_on_without_resuming, "opening: "),
        (resume_from_another_history, "of another history, was resumed from"),
    ],
)
def test_a_doctored_record_is_found_out(doctor: Callable[[list[Received]], None], found: str) -> None:
    events, journal = log(), rights(role="owner")
    life = honest(events, journal)
    doctor(life.received)
    assert found in verdict(life, events, journal)


def leak(events: Log, row: int, watcher: Watcher) -> Sent:
    """A row of the log as somebody who sees everything is told of it."""
    change = expected(events.rows[row], watcher, frozenset({"planes", "residences"}))
    assert change is not None
    return Sent(change[1], change[2], change[0] + MARK)


def test_a_frame_of_a_hidden_section_is_found_in_whatever_place_it_names_it() -> None:
    events, journal = log(), rights()
    for row in (2, 3, 4):
        life = honest(events, journal)
        frame = leak(events, row, life.watcher)
        life.received.append(Received(frame, life.received[0].opening, LATE, LATE))
        assert "leak: " in verdict(life, events, journal)


def test_a_frame_of_another_organisation_is_found() -> None:
    events, journal = log(), rights(role="owner")
    life = honest(events, journal)
    life.received[2].frame.data["payload"]["previousState"]["asset_id"] = "n1"
    assert "leak: " in verdict(life, events, journal)


def test_a_snapshot_that_shows_what_is_hidden_is_found() -> None:
    events, journal = log(), rights()
    life = honest(events, journal)
    life.start = {"b": {"id": "b", "asset_id": "a2"}}
    assert "the snapshot shows" in verdict(life, events, journal)


def widened_then_narrowed(at: float) -> tuple[Log, Journal, Life]:
    """Anna saw everything; at that time her tier was narrowed."""
    events = log()
    everything = ("planes", "residences", "helicopters", "watercraft")
    before = rights(sections=everything)
    narrowed = right(at, "tier", "t", sections=["planes"], is_default=True)
    return events, rights(narrowed, sections=everything), honest(events, before)


def test_rights_that_have_just_ended_may_be_gone_by_for_as_long_as_is_documented_and_no_longer() -> None:
    events, journal, life = widened_then_narrowed(at=FIRST + 3)
    assert verdict(life, events, journal) == ""
    life.received[5] = replace(life.received[5], at=LATE, after=LATE - 1)
    assert "leak: " in verdict(life, events, journal)


def test_a_stream_opened_after_the_rights_ended_may_not_go_by_them_at_all() -> None:
    events, journal, life = widened_then_narrowed(at=STREAM - 2)
    assert "leak: " in verdict(life, events, journal)


def test_an_outage_of_the_database_lengthens_the_time_for_which_ended_rights_count() -> None:
    events, journal, life = widened_then_narrowed(at=FIRST - 0.5)
    frame = leak(events, 3, life.watcher)
    life.received = [*life.received[:3], replace(life.received[3], frame=frame, at=LATE, after=LATE)]
    assert "leak: " in verdict(life, events, journal)
    assert "leak: " not in verdict(life, events, journal, (FIRST - 2, LATE - 1))


def test_what_was_seen_of_a_stall_counts_from_its_beginning() -> None:
    events, journal, life = widened_then_narrowed(at=FIRST + 3)
    life.received = [replace(each, at=LATE, after=each.after) for each in life.received]
    assert "leak: " not in verdict(life, events, journal)


def test_after_a_change_of_rights_each_frame_must_be_right_by_the_old_or_the_new_ones() -> None:
    events, journal, life = widened_then_narrowed(at=FIRST + 3)
    life.received[4].frame.data["payload"]["previousState"] = None
    assert "is right by no rights" in verdict(life, events, journal)


def test_a_view_that_differs_from_the_calendar_is_told_by_the_booking() -> None:
    assert list(same({"a": {"v": 1}}, {"a": {"v": 1}})) == []
    (told,) = same({"a": {"v": 1}, "b": {}}, {"a": {"v": 2}, "b": {}})
    assert told.startswith("a: ")
    assert len(list(same({"a": {}}, {"b": {}}))) == 2


def test_a_booking_made_twice_or_lost_after_its_confirmation_is_found() -> None:
    rows = [
        {"payload": {"reservation": {"id": identity, "title": f"{word} x"}, "previousState": None}}
        for identity, word in (("1", "w1"), ("1", "w1"), ("2", "w2"), ("3", "w2"))
    ]
    assert bookings({"w1": "1", "w9": None}, rows) == []
    assert "was made 2 times" in bookings({"w2": None}, rows)[0]
    assert "was answered as 7" in bookings({"w3": "7"}, rows)[0]


def test_what_is_judged_in_two_pages_is_as_right_as_in_one() -> None:
    events, journal = log(), rights(role="owner")
    life = honest(events, journal)
    owner = Actor(USER, "anna@example.test", "session", "token")
    viewer = Viewer(life.watcher, owner, ("http://127.0.0.1:1",), seed="any")
    given, life.received = life.received, []
    viewer.lives.append(life)
    judged = []
    for part in (given[:4], given[4:]):
        for received in part:
            viewer.lives[-1].received.append(received)
            viewer.lives[-1].position = received.frame.id or ""
        judged += viewer.turn_page(part[-1].at)
    assert [len(each.received) for each in judged] == [4, len(given) - 4]
    assert [verdict(each, events, journal) for each in judged] == ["", ""]
    lose(judged[1].received)
    assert "is in the log and was not seen" in verdict(judged[1], events, journal)
