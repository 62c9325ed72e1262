"""JSON logs, one object a line, each with the id of the request that it is about."""

import logging
import re
import sys
import uuid
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

REQUEST_ID_HEADER: Final = b"x-request-id"
# Short and plain enough to be pasted into logs, headers and JSON as it is.
_SANE: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")
# Their lines carry query strings, and with those a stream's ticket. Our own access log has paths only.
_CHATTY: Final = ("httpx", "httpcore", "realtime", "websockets")


def _drop_color(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # uvicorn says everything a second time with the terminal's colours in it.
    event.pop("color_message", None)
    return event


def request_id(sent: bytes | None) -> str:
    """The caller's own id where it is sane, else a new one."""
    if sent is not None and _SANE.fullmatch(sent):
        return sent.decode("ascii")
    return uuid.uuid4().hex


def configure_logging(level: str) -> None:
    """Sends all logs of the process, the libraries' too, to stdout as JSON.

    Args:
        level: Name of the least level that is shown.

    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _drop_color,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    for previous in [h for h in root.handlers if getattr(h, "reservepty", False)]:
        root.removeHandler(previous)
    handler.reservepty = True  # type: ignore[attr-defined]  # so that a second app does not log twice
    root.addHandler(handler)
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # uvicorn's access log writes query strings, and with those a stream's ticket. Ours has paths only.
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
