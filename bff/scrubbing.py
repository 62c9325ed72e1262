"""What must not leave in a log line or an error report: secrets, tokens and what identifies a person.

The first rule is not to log such things. This is the second, for what others say: a library's error, a
database's message, a path that somebody invented.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
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

SECRET: Final = "[secret]"  # noqa: S105 (what stands in its place)
# What is called so is secret, wherever in the name it stands: of a structure's keys, of name=value in texts.
_NAMES: Final = (
    r"(?:passw(?:or)?d|passphrase|pwd|secret|token|ticket|api[-_]?key|private[-_]?key|credential|authorization"
    r"|cookie|otp(?![a-z]))"
)
_SECRET_NAME: Final = re.compile(rf"(?i){_NAMES}")
# The name's end, a quote that closes it, = or : (also as addresses write them).
# Quotes within JSON within JSON have backslashes. Whatever repeats has a bound or gives nothing back.
_IS: Final = r"[\w-]{0,32}+\\{0,8}+[\"']?\s{0,8}+(?:[=:]|%3[AD])\s{0,8}+"
# Up to the quote that closes it, which has as many backslashes as the one that opens, or to the next space.
_VALUE: Final = (
    r"(?:(\\{0,8}+[\"'])(?:(?!(?<!\\)\2).)++|(?:bearer\s+|basic\s+)?(?:[^\s\"'&,;)}\]\\]|['\"](?=\w))++)"
)
_NAMED: Final = re.compile(rf"(?is)({_NAMES}{_IS}){_VALUE}")
# Of an address before its @ (RFC 5322, 3.2.3), but % and /.
_ATOM: Final = r"\w.!#$&'*+=?^`{|}~-"
_PATTERNS: Final = (
    # Keys in PEM (RFC 7468).
    (re.compile(r"-----BEGIN [A-Z ]{0,40}KEY-----[^-]*+(?:-----END [A-Z ]{0,40}-----)?"), SECRET),
    # These have several parts; only a line's end, or a quote, ends them.
    (
        re.compile(r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)(\s*[=:]\s*)[^\r\n\"']++"),
        rf"\1\2{SECRET}",
    ),
    # Signed tokens (RFC 7519), a stream's ticket among them.
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*)*"), "[token]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), r"\1 [token]"),
    # Supabase's keys, webhook secrets.
    (re.compile(r"\b(?:sb_(?:secret|publishable)_|whsec_|otpauth://)[^\s\"']+"), SECRET),
    # A user's name and password in an address, up to the last @: also where they should have been encoded.
    (re.compile(r"(?<=://)[^\s/@:]*+:(?!\d{1,5}(?:[/?#\s]|$))[^\s\"']{1,200}@"), f"{SECRET}@"),
    (re.compile(r"(?<=://)[^\s/\"']+@"), f"{SECRET}@"),
    # Each run of such characters once and without going back, or long texts would take seconds.
    (re.compile(rf"(?<![{_ATOM}])[{_ATOM}]++(?:@|%40)[\w-]++(?:\.[\w-]++)+"), "[email]"),
    # E.164, as phones are stored, with the spaces and dashes that people write.
    (re.compile(r"(?<![\w.])\+[1-9](?:[ -]?\d){6,14}(?!\d)"), "[phone]"),
    # One-time codes.
    (re.compile(r"(?i)\b(code\\*\"?'?\s*[=:]\s*\\*\"?'?)\d{6,8}\b"), r"\1[code]"),
)
# One of these stands in whatever a pattern finds: most texts are passed by a quick look for characters.
_HINTS: Final = re.compile(r"[@+=:%_\sJ]")
# What nobody types: an invitation's or a feed's secret in a path.
_OPAQUE: Final = re.compile(r"(?<![\w.~%-])[\w.~%-]{32,}+")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _hide(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2] or ''}{SECRET}"


@lru_cache(1024)
def is_secret(name: str) -> bool:
    """Whether what is called so is to be hidden, whatever it is."""
    return _SECRET_NAME.search(name) is not None


def scrub(text: str) -> str:
    """The text without what looks like a secret, an email address or a phone, and not too long."""
    if len(text) > MAX_TEXT:
        # Cut first: nobody is to have us search megabytes.
        text = f"{text[:MAX_TEXT]}…"
    if _HINTS.search(text) is None:
        return text
    text = _NAMED.sub(_hide, text)
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
        entries = islice(value.items(), MAX_ENTRIES)
        return {scrub(str(key)): _of(str(key), each, depth - 1) for key, each in entries}
    if isinstance(value, list | tuple | set | frozenset):
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str | bytes):
            # A header, or an entry of what could have been a mapping.
            name = value[0] if isinstance(value[0], str) else value[0].decode("latin-1")
            return [scrub(name), _of(name, value[1], depth - 1)]
        return [scrub_all(each, depth - 1) for each in islice(value, MAX_ENTRIES)]
    return scrub(str(value))


def _of(name: str, value: Any, depth: int) -> Any:
    # Whether there is one may be told. No name is that long; nor is one to be searched, and kept.
    if value is None or isinstance(value, bool) or (len(name) <= MAX_PATH and not is_secret(name)):
        return scrub_all(value, depth)
    return SECRET


def message_of(error: BaseException) -> str:
    """What may be told of an exception's message.

    An OSError's names a file. That stays: files have names that we or the operator chose, none from a
    request, and without it nobody can mend what is missing or full.
    """
    if isinstance(error, QUOTING):
        return "[left out: it may quote its input]"
    try:
        return scrub(str(error))
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide the error
        return "[unreadable]"
