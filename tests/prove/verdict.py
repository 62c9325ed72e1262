"""The checks: what a view was given, against the log, the journal of rights and a fresh snapshot.

They take plain records, so that doctored ones can show that each check catches what it is for. What is
expected is derived here anew from the log's rows; nothing is taken from the relay's own code.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.prove.journal import ALL, COMMIT_SECONDS, Journal
from tests.prove.records import Json, Life, Received, State, Watcher, is_change, logged, seq, stands

# Differences that are told of one life; the first ones explain the others.
TOLD = 5

Change = tuple[str, str, Json]
"""Cursor, event and data of a frame."""


@dataclass
class Allowance:
    """How late a stream may learn what its user may see.

    The relay is told by a hint, which Realtime may lose; it asks again at each review; and while the
    database is away it cannot ask. So a frame may go by rights that ended `seconds` before it; a time in
    which the database was away, and the review that failed in it, do not count.

    Args:
        seconds: one interval between reviews, one between polls, and what a call may take.
        review: the interval between reviews, which may be missed in an outage.
        outages: when the database could not be asked (Unix seconds, begin and end).
    """

    seconds: float
    review: float
    outages: list[tuple[float, float]] = field(default_factory=list)

    def since(self, received: Received) -> float:
        """The earliest time whose rights a frame may go by. No earlier than its stream: that asked first."""
        earliest = received.after - self.seconds
        for begin, end in sorted(self.outages, reverse=True):
            if begin <= received.at and end >= earliest:
                earliest = min(earliest, begin) - self.review - self.seconds
        return max(earliest, received.opening.asked_at)


@dataclass
class Log:
    """One organisation's event log, complete, as `app.event_json` gives its rows; in order."""

    rows: Sequence[Json]

    def __post_init__(self) -> None:
        self._places = {row["seq"]: row for row in self.rows}

    def at(self, place: int) -> Json | None:
        return self._places.get(place)

    def after(self, place: int, last: int) -> Iterator[Json]:
        """The rows beyond `place`, up to `last`."""
        return (row for row in self.rows if place < row["seq"] <= last)


def expected(row: Json, watcher: Watcher, sections: frozenset[str]) -> Change | None:
    """The frame in which a view with these sections must be told of a row of the log, or None.

    A row names its asset and section of now first, those of before last.
    """
    shown = watcher.shown

    def sees(asset: str, section: str) -> bool:
        return (
            section in sections
            and (shown.assets is None or asset in shown.assets)
            and (shown.section is None or shown.section == section)
        )

    event, payload = row["type"], row["payload"]
    subject, _, change = event.partition("_")
    new = sees(row["asset_ids"][0], row["sections"][0])
    old = sees(row["asset_ids"][-1], row["sections"][-1])
    if change in ("created", "scheduled", "canceled") or (new and old):
        if not (new if change != "canceled" else old):
            return None
    elif old:
        event = f"{subject}_canceled"
        payload = {subject: None, "previousState": payload["previousState"], "reason": "moved"}
    elif new:
        event = "maintenance_scheduled" if subject == "maintenance" else "reservation_created"
        payload = {**payload, "previousState": None}
    else:
        return None
    data = {
        "type": event,
        "payload": payload,
        "timestamp": row["occurred_at"],
        "sourceUserId": row["source_user_id"],
    }
    return row["cursor"], event, data


def as_change(received: Received) -> Change:
    return logged(received.frame.id or ""), received.frame.event, received.frame.data


def order(life: Life) -> Iterator[str]:
    """Nothing twice, nothing out of order: changes rise strictly, and no other frame's cursor goes back."""
    place = seq(life.cursor)
    for received in life.received:
        frame, cursor = received.frame, stands(received.frame)
        if cursor is None:
            continue
        here = seq(cursor)
        if here < place or (here == place and is_change(frame)):
            yield f"{frame.event} {frame.id} came when the view stood at {place} already"
        place = max(place, here)


def openings(life: Life) -> Iterator[str]:
    """Each stream begins with `ready`: where it was asked to, or with `reset`, as always if forged."""
    for _, group in itertools.groupby(life.received, key=lambda each: id(each.opening)):
        frames = list(group)
        first, asked = frames[0].frame, frames[0].opening
        if asked is life.begun:
            continue
        if first.event != "ready":
            yield f"a stream began with {first.event}"
        elif not first.data["resumed"]:
            second = frames[1].frame.event if len(frames) > 1 else "reset"
            if second != "reset":
                yield f"{asked.cursor} was not resumed from, and {second} followed instead of reset"
        elif asked.forged:
            yield f"{asked.cursor}, of another history, was resumed from"
        elif logged(first.id or "") != logged(asked.cursor):
            yield f"{asked.cursor} was resumed from at {first.id}"


def completeness(life: Life, log: Log, journal: Journal, allowance: Allowance) -> Iterator[str]:
    """The frames are the log's rows that this view may see: all, in order, each as it ought to be told.

    Exactly so up to the first change of rights that concerns the view. After it the view is told `reset` as
    soon as its stream has learnt of it; until then each frame must be right by the rights before or after.
    """
    begin, place = life.asked, seq(life.cursor)
    candidates = {
        rights.sections(life.watcher.organization_id, life.watcher.user_id)
        for rights in journal.between(*begin)
    }
    until = _first_change(life, journal)
    steady = [each for each in life.received if each.at < until]
    last = max([place, *(seq(cursor) for each in steady if (cursor := stands(each.frame)))])
    seen = [as_change(each) for each in steady if is_change(each.frame)]
    rows = list(log.after(place, last))
    differences = [
        _differences(seen, [row for each in rows if (row := expected(each, life.watcher, sections))])
        for sections in candidates
    ]
    yield from min(differences, key=len)
    for received in life.received:
        if is_change(received.frame) and received.at >= until:
            yield from _explained(received, life.watcher, log, journal, allowance)


def _first_change(life: Life, journal: Journal) -> float:
    """When the rights that concern this view changed first after its snapshot (Unix seconds), or never."""
    organization, user = life.watcher.organization_id, life.watcher.user_id
    before, *changes = journal.after(life.asked[1])
    sections = before.sections(organization, user)
    for rights in changes:
        by_section = len(sections) < len(ALL) or life.watcher.shown.section is not None
        moved = by_section and rights.sections_of(organization) != before.sections_of(organization)
        if moved or rights.sections(organization, user) != sections:
            return rights.at - COMMIT_SECONDS
    return float("inf")


def _differences(seen: Sequence[Change], wanted: Sequence[Change]) -> list[str]:
    if seen == wanted:
        return []
    by_cursor, given = {each[0]: each for each in wanted}, {each[0] for each in seen}
    found = [
        f"{cursor} {event} is in the log and was not seen"
        for cursor, event, _ in wanted
        if cursor not in given
    ]
    for change in seen:
        want = by_cursor.get(change[0])
        if want is None:
            found.append(f"{change[0]} {change[1]} was seen and should not have been: {change[2]}")
        elif want != change:
            found.append(f"{change[0]} was told as {change[1:]}, and should have been {want[1:]}")
    return found or ["what was seen is not in the order of the log, or not once"]


def _explained(
    received: Received, watcher: Watcher, log: Log, journal: Journal, allowance: Allowance
) -> Iterator[str]:
    change = as_change(received)
    row = log.at(seq(change[0]))
    possible = [
        row and expected(row, watcher, rights.sections(watcher.organization_id, watcher.user_id))
        for rights in journal.between(allowance.since(received), received.at)
    ]
    if change not in possible:
        yield f"{change[0]} {change[1]} is right by no rights that it may go by: {change[2]}"


def leaks(life: Life, journal: Journal, allowance: Allowance) -> Iterator[str]:
    """All assets that a frame names were visible to the user at one moment that it may go by."""
    organization, user = life.watcher.organization_id, life.watcher.user_id
    for received in life.changes:
        assets = named(received.frame.data)
        possible = journal.between(allowance.since(received), received.at)
        if not any(rights.sees(organization, user, assets) for rights in possible):
            frame, since = received.frame, received.at - received.opening.asked_at
            when = f"read {since:.1f} s after its stream was asked for, at {received.at:.1f}"
            yield f"{frame.id} ({when}) shows assets {assets}, which the user might not see: {frame.data}"
    for each in life.start.values():
        if not any(
            rights.sees(organization, user, [each["asset_id"]]) for rights in journal.between(*life.asked)
        ):
            yield f"the snapshot shows what the user might not see: {each}"


def named(data: Any) -> list[str]:
    """The assets that a frame names, anywhere in it."""
    if isinstance(data, Mapping):
        here = [str(data["asset_id"])] if data.get("asset_id") else []
        return here + [asset for value in data.values() for asset in named(value)]
    return [asset for value in data for asset in named(value)] if isinstance(data, list) else []


def same(state: State, fresh: State) -> Iterator[str]:
    """What the view shows is what a fresh snapshot shows."""
    for each in sorted(state.keys() | fresh.keys()):
        if state.get(each) != fresh.get(each):
            yield f"{each}: the view shows {state.get(each)}, the calendar has {fresh.get(each)}"


def check(life: Life, log: Log, journal: Journal, allowance: Allowance) -> list[str]:
    """All that is wrong with what a view was given in this life."""
    found: list[str] = []
    checks = {
        "order": order(life),
        "opening": openings(life),
        "completeness": completeness(life, log, journal, allowance),
        "leak": leaks(life, journal, allowance),
    }
    for name, wrong in checks.items():
        told = list(itertools.islice(wrong, TOLD))
        found += [
            f"{name}: {life.watcher.name} (from {life.cursor}, ended {life.ended or 'not'}): {each}"
            for each in told
        ]
    return found


def bookings(made: Mapping[str, str | None], rows: Sequence[Json]) -> list[str]:
    """No booking was made twice, and none that was confirmed is missing.

    Args:
        made: the first word of the title of each booking asked for, with its id where one was answered.
        rows: all logs.
    """
    found: dict[str, set[str]] = {}
    for row in rows:
        state = row["payload"].get("reservation")
        if state is not None:
            found.setdefault(state["title"].partition(" ")[0], set()).add(state["id"])
    wrong = []
    for word, booking in made.items():
        ids = found.get(word, set())
        if len(ids) > 1:
            wrong.append(f"booking: {word} was made {len(ids)} times: {sorted(ids)}")
        if booking is not None and ids != {booking}:
            wrong.append(f"booking: {word} was answered as {booking}, and the log has {sorted(ids)}")
    return wrong
