"""From the event log and Realtime to the open calendar streams.

Realtime makes it fast, the log makes it right: `feed` -> `hub` <- `sse`, and is read whenever in doubt.
"""

from bff.relay.admission import Limits, Refusal
from bff.relay.pages import UnavailableError
from bff.relay.relay import Relay, RelayConfig, open_relay
from bff.relay.tickets import Identity

__all__ = [
    "Identity",
    "Limits",
    "Refusal",
    "Relay",
    "RelayConfig",
    "UnavailableError",
    "open_relay",
]
