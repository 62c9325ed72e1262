"""What must not leave in a log line or an error report: secrets, tokens and what identifies a person.

The first rule is not to log such things. This is the second, for what others say: a library's error, a
database's message, a path that somebody invented.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

# Characters of one text; a longer one is cut.
MAX_TEXT: Final = 2_000
# Characters of a path. Ours have 150 at most; what is longer is nobody's.
MAX_PATH: Final = 256
# How deep a structure is followed, and how many entries of each part.
MAX_DEPTH: Final = 8
MAX_ENTRIES: Final = 200
# Their messages quote what they were given: `invalid literal for int(): '…'`, a model's input, a key.
QUOTING: Final = (ValueError, LookupError, AssertionError)

# Of an address before its @ (RFC 5322, 3.2.3), but % and /.
_ATOM: Final = r"\w.!#$&'*+=?^`{|}~-"
_NAMED: Final = re.compile(
    r"(?i)\b((?:access_|refresh_|id_)?token|ticket|password|secret|api_?key|authorization|cookie|otp)"
    r"(\"?'?\s*[=:]\s*\"?'?)(?:bearer\s+|basic\s+)?[^\s\"'&,;)}\]]+"
)
_PATTERNS: Final = (
    # Signed tokens (RFC 7519), a stream's ticket among them.
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*)*"), "[token]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), r"\1 [token]"),
    # Supabase's keys, webhook secrets, a user's name and password in an address.
    (re.compile(r"\b(?:sb_(?:secret|publishable)_|whsec_|otpauth://)[^\s\"']+"), "[secret]"),
    (re.compile(r"(?<=://)[^\s/@]+@"), "[secret]@"),
    # Each run of such characters once and without going back, or long texts would take seconds.
    (re.compile(rf"(?<![{_ATOM}])[{_ATOM}]++(?:@|%40)[\w-]++(?:\.[\w-]++)+"), "[email]"),
    # E.164, as phones are stored, with the spaces and dashes that people write.
    (re.compile(r"(?<![\w.])\+[1-9](?:[ -]?\d){6,14}(?!\d)"), "[phone]"),
    # One-time codes.
    (re.compile(r"(?i)\b(code\"?'?\s*[=:]\s*\"?'?)\d{6,8}\b"), r"\1[code]"),
)
# One of these stands in whatever a pattern finds: most texts are passed by a quick look for characters.
_HINTS: Final = re.compile(r"[@+=:%_\sJ]")
# What nobody types: an invitation's or a feed's secret in a path.
_OPAQUE: Final = re.compile(r"(?<![\w.~%-])[\w.~%-]{32,}+")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def scrub(text: str) -> str:
    """The text without what looks like a secret, an email address or a phone, and not too long."""
    if len(text) > MAX_TEXT:
        # Cut first: nobody is to have us search megabytes.
        text = f"{text[:MAX_TEXT]}…"
    if _HINTS.search(text) is None:
        return text
    text = _NAMED.sub(r"\1\2[secret]", text)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def scrub_path(path: str) -> str:
    """A request's path without what is opaque in it but UUIDs, and not too long."""
    cut = path if len(path) <= MAX_PATH else f"{path[:MAX_PATH]}…"
    return _OPAQUE.sub(lambda found: found[0] if _UUID.fullmatch(found[0]) else "[opaque]", scrub(cut))


def scrub_all(value: Any, depth: int = MAX_DEPTH) -> Any:
    """A structure as JSON knows it, with each text scrubbed; what is too deep or too much is left out."""
    if isinstance(value, str):
        return scrub(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth == 0:
        return "[left out]"
    if isinstance(value, Mapping):
        entries = list(value.items())[:MAX_ENTRIES]
        return {scrub(str(key)): scrub_all(each, depth - 1) for key, each in entries}
    if isinstance(value, list | tuple | set | frozenset):
        return [scrub_all(each, depth - 1) for each in list(value)[:MAX_ENTRIES]]
    return scrub(str(value))


def message_of(error: BaseException) -> str:
    """What may be told of an exception's message."""
    if isinstance(error, QUOTING):
        return "[left out: it may quote its input]"
    try:
        return scrub(str(error))
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide the error
        return "[unreadable]"
