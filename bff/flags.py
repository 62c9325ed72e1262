"""What can be switched off without a deploy: the names and meanings, of which there is this one list.

The database decides, where the thing is done (`app.feature_enabled`): by its table `app.feature_flags`, and
by the header below, in which each of our calls says what this deployment does without.
"""

from collections.abc import Iterable, Mapping
from typing import Final

FEATURES: Final[Mapping[str, str]] = {
    "displacement": "A stronger tier takes the place of weaker bookings. Off: a conflict is a conflict.",
    "waitlist": "Joining a waiting list. Off: who waits already is still offered what comes free.",
    "bulk_assets": "Changing up to a hundred assets in one request. Off: one by one.",
    "calendar_stream": "The stream of a calendar's changes. Off: apps fetch the calendar.",
}
OFF_HEADER: Final = "X-Features-Off"


def off_headers(off: Iterable[str]) -> Mapping[str, str]:
    """The header that tells the database what is switched off here; none where nothing is."""
    names = ",".join(sorted(off))
    return {OFF_HEADER: names} if names else {}
