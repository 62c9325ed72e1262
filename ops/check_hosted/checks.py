"""The checks that ask over HTTP, in the order in which one would repair what they find."""

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from ops.check_hosted.expected import Expected
from ops.check_hosted.project import Project, body_of
from ops.check_hosted.report import Finding, failed, passed, unknown

Check = Callable[[Project, Expected], Iterator[Finding]]

# What the BFF allows tokens' times to differ by (bff/auth.py).
CLOCK_SECONDS: Final = 5.0
LATENCY_SECONDS: Final = 0.15  # of the 200 ms that an answer may take in all
LATENCY_CALLS: Final = 5
BUCKET: Final = "asset-photos"
ALGORITHMS: Final = ("ES256", "RS256")
# Supabase exposes the second by itself; it holds nothing of ours.
EXPOSED: Final = {"public", "graphql_public"}
SHOWN: Final = 6  # names in one reason


def some(names: set[str] | frozenset[str] | list[str]) -> str:
    """A few of the names, and how many more there are."""
    listed = sorted(names)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more


def address(project: Project, _: Expected) -> Iterator[Finding]:
    """Whether there is an answer, over TLS."""
    if project.url.startswith("https://"):
        yield passed("address: TLS")
    elif project.development:
        yield unknown("address: TLS", "plain http, as a development project's is")
    else:
        yield failed("address: TLS", "the URL must begin with https://")
    response = project.get("/auth/v1/health")
    if response.is_success:
        yield passed("address: Auth answers")
    else:
        yield failed("address: Auth answers", f"GET /auth/v1/health answers {response.status_code}")


def keys(project: Project, _: Expected) -> Iterator[Finding]:
    """Whether the two keys are what they should be, and no mix-up."""
    as_service = project.get("/rest/v1/organizations?select=id&limit=0", secret=True)
    if body_of(as_service) == []:
        yield passed("keys: the secret key reads as the service", _kind(project.secret_key))
    else:
        reason = f"REST answers {as_service.status_code}: wrong key, or the migrations are not applied"
        yield failed("keys: the secret key reads as the service", reason)
    as_nobody = project.get("/rest/v1/organizations?select=id&limit=0")
    body = body_of(as_nobody)
    if as_nobody.is_success:
        reason = "it reads organizations: is it the secret key, or has anon been granted rights?"
        yield failed("keys: the publishable key is nobody's", reason)
    elif isinstance(body, dict) and body.get("code") == "42501":
        yield passed("keys: the publishable key is nobody's", _kind(project.publishable_key))
    else:
        reason = f"REST answers {as_nobody.status_code}, and not that a right is missing: wrong key?"
        yield failed("keys: the publishable key is nobody's", reason)


def _kind(key: str) -> str:
    return "" if key.startswith("sb_") else "an older JWT key; replace it by an sb_… key"


def signing_keys(project: Project, _: Expected) -> Iterator[Finding]:
    """Whether tokens are signed with a key whose public half is published."""
    name = "auth: tokens are signed with a published key"
    body = body_of(project.get("/auth/v1/.well-known/jwks.json"))
    published = body.get("keys") if isinstance(body, dict) else None
    published = published if isinstance(published, list) else []
    algorithms = {key.get("alg") for key in published if isinstance(key, dict)}
    if algorithms & set(ALGORITHMS):
        yield passed(name, f"{len(published)} published: {some({str(each) for each in algorithms})}")
    else:
        yield failed(name, "the key set is empty: migrate to JWT signing keys (ES256), then rotate")


def auth_settings(project: Project, _: Expected) -> Iterator[Finding]:
    """What Auth says of itself. Invitations rest on confirmed addresses."""
    response = project.get("/auth/v1/settings")
    body = body_of(response)
    if not response.is_success or not isinstance(body, dict):
        yield failed("auth: settings", f"GET /auth/v1/settings answers {response.status_code}")
        return
    name = "auth: addresses are confirmed before a sign-in"
    if body.get("mailer_autoconfirm") is False:
        yield passed(name)
    elif project.development:
        yield unknown(name, "they are not; a development project sends no mail")
    else:
        yield failed(name, "turn on Confirm email: an invitation is accepted by whoever has its address")
    external = body.get("external")
    if not isinstance(external, dict) or external.get("anonymous_users"):
        yield failed("auth: no anonymous users", "turn off anonymous sign-ins")
    else:
        yield passed("auth: no anonymous users")
    sign_up = "closed" if body.get("disable_signup") else "open"
    yield passed("auth: settings", f"sign-up is {sign_up}")
    # GET /settings does not tell, and enrolling a factor to find out would write.
    yield unknown("auth: second factors", "look: Authentication, Multi-Factor: TOTP must be enabled")


def schemas(project: Project, _: Expected) -> Iterator[Finding]:
    """Whether REST shows schema `public` and keeps `app` to itself."""
    name = "rest: schema app is not exposed"
    response = project.get("/rest/v1/occupancy?limit=0", secret=True, **{"Accept-Profile": "app"})
    body = body_of(response)
    if response.status_code != 406 or not isinstance(body, dict):
        reason = f"it answers {response.status_code}: take app out of API, Exposed schemas"
        yield failed(name, reason)
        return
    listed = f"{body.get('message')} {body.get('hint')}".rpartition(":")[2]
    exposed = {each.strip() for each in listed.replace("None", "").split(",")} - {""}
    if not exposed:
        yield passed(name, "REST does not say what else is")
    elif exposed <= EXPOSED:
        yield passed(name, f"exposed: {some(exposed)}")
    else:
        yield failed(name, f"other schemas are: {some(exposed - EXPOSED)}")
    # Nothing but the dashboard tells; the rule is of docs/deployment.md.
    yield unknown(
        "rest: size of its pool",
        "look: Data API, Pool size: at least hosts x BFF_WORKERS x (UPSTREAM_CONNECTIONS + 2)",
    )


# The secret key has no right to an office's log, so REST does not show it to its holder.
UNSEEN: Final = frozenset({"audit_logs"})


def nobody(project: Project, expected: Expected) -> Iterator[Finding]:
    """Whether somebody without a token sees nothing at all."""
    open_to_all = set()
    for table in sorted(expected.tables):
        if project.get(f"/rest/v1/{table}?limit=1").is_success:
            open_to_all.add(table)
    if open_to_all:
        yield failed("rest: anon may read no table", f"it may read {some(open_to_all)}: revoke all from anon")
    else:
        yield passed("rest: anon may read no table", f"{len(expected.tables)} asked for")


def exposed_objects(project: Project, expected: Expected) -> Iterator[Finding]:
    """Whether REST knows the tables, and the functions that the BFF calls as the service.

    PostgREST's description lists what the caller may use, so of the functions only the service's; those for
    users are seen in the database alone.
    """
    body = body_of(project.get("/rest/v1/", secret=True))
    paths = set(body.get("paths") or ()) if isinstance(body, dict) else set()
    shown = expected.tables - UNSEEN
    if paths:
        missing = {table for table in shown if f"/{table}" not in paths}
    else:
        missing = {
            table
            for table in shown
            # A page that says "sign in to this network" is a success too.
            if body_of(project.get(f"/rest/v1/{table}?limit=0", secret=True)) != []
        }
    name = "rest: tables"
    if missing:
        yield failed(name, f"missing: {some(missing)}: apply the migrations (supabase db push)")
    else:
        yield passed(name, f"all {len(shown)} that the service may read are there")
    name = "rest: the service's functions"
    absent = {each for each in expected.service_functions if f"/rpc/{each}" not in paths}
    if not paths:
        yield unknown(name, "REST does not describe itself; give DATABASE_URL")
    elif absent:
        yield failed(name, f"missing: {some(absent)}: apply the migrations (supabase db push)")
    else:
        yield passed(name, f"all {len(expected.service_functions)} are there")


def storage(project: Project, _: Expected) -> Iterator[Finding]:
    """Whether photos lie in a private bucket."""
    name = f"storage: bucket {BUCKET} is private"
    response = project.get(f"/storage/v1/bucket/{BUCKET}", secret=True)
    body = body_of(response)
    if not response.is_success or not isinstance(body, dict):
        yield failed(name, f"it answers {response.status_code}: the migration of photos makes the bucket")
    elif body.get("public") is not False:
        yield failed(name, "it is public: anyone who guesses a path sees the photo")
    elif not body.get("file_size_limit") or not body.get("allowed_mime_types"):
        yield failed(name, "it has no limit of size, or takes files of any type")
    else:
        yield passed(
            name, f"{body['file_size_limit']} bytes at most, {len(body['allowed_mime_types'])} types"
        )


def clock(project: Project, _: Expected) -> Iterator[Finding]:
    """Whether this host and the project agree on the time, by which tokens begin and end."""
    name = "clock: this host's agrees"
    before = time.time()
    response = project.get("/auth/v1/health")
    after = time.time()
    date = response.headers.get("date")
    if date is None:
        yield unknown(name, "the answer has no Date")
        return
    try:
        theirs = parsedate_to_datetime(date).replace(tzinfo=UTC).timestamp()
    except ValueError:
        yield unknown(name, f"the answer's Date is none: {date[:40]}")
        return
    # Date is cut off to whole seconds, and was written at some time in between.
    skew = max(theirs - after, before - (theirs + 1), 0.0)
    if skew > CLOCK_SECONDS:
        now = datetime.now(UTC)
        yield failed(name, f"{skew:.0f} s apart, here it is {now:%H:%M:%S} UTC: set it by NTP")
    else:
        yield passed(name, f"within {max(skew, 1):.0f} s")


def latency(project: Project, _: Expected) -> Iterator[Finding]:
    """Whether the project is near: each request pays one round trip."""
    name = f"latency: a read takes at most {LATENCY_SECONDS * 1000:.0f} ms"
    took = []
    for _attempt in range(LATENCY_CALLS):
        started = time.perf_counter()
        project.get("/rest/v1/organizations?select=id&limit=1", secret=True)
        took.append(time.perf_counter() - started)
    median = statistics.median(took)
    reason = f"median of {LATENCY_CALLS}: {median * 1000:.0f} ms"
    if median <= LATENCY_SECONDS:
        yield passed(name, reason)
    elif project.development:
        yield unknown(name, reason)
    else:
        yield failed(name, f"{reason}; run the BFF in the project's region")


CHECKS: Final[tuple[Check, ...]] = (
    address,
    keys,
    signing_keys,
    auth_settings,
    schemas,
    nobody,
    exposed_objects,
    storage,
    clock,
    latency,
)


def run(check: Check, project: Project, expected: Expected) -> list[Finding]:
    """What a check finds; that there is no answer is a finding too."""
    found: list[Finding] = []
    try:
        found.extend(check(project, expected))
    except httpx.HTTPError as error:
        found.append(
            failed(f"{check.__name__.replace('_', ' ')}: an answer", f"{type(error).__name__}: {error}")
        )
    return found
