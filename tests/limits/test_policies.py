"""Which policies a request comes under, and whom they count."""

import pytest

from bff.app import ENDPOINTS
from bff.limits.limiter import Names, network
from bff.limits.policies import NAMES, PREFIX, ROUTES, Failure, Kind, Policies, Subject, kind_of
from bff.metrics import OPERATIONS

ID = "7b3c3e0e-2b2a-4a5c-9a1e-2f9d1c2b3a4d"


def policies() -> Policies:
    return Policies(dict.fromkeys(NAMES, 10), 60, 10)


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/api/health", None),
        ("GET", "/calendar", None),
        ("GET", "/api/v10/me", None),
        ("GET", "/api/v1/me", "other"),
        ("GET", "/api/v1/no/such/path", "other"),
        ("POST", "/api/v1/reservations", "booking"),
        ("GET", "/api/v1/reservations", "other"),
        ("POST", "/api/v1/reservations/preview", "other"),
        ("PATCH", f"/api/v1/reservations/{ID}", "booking"),
        ("GET", f"/api/v1/reservations/{ID}", "other"),
        ("POST", f"/api/v1/reservations/{ID}/decision", "booking"),
        ("POST", "/api/v1/reservations/", "other"),
        ("POST", "/api/v1/holds", "booking"),
        ("POST", f"/api/v1/waitlist/{ID}/accept", "booking"),
        ("GET", f"/api/v1/organizations/{ID}/calendar/stream", "stream"),
        ("HEAD", f"/api/v1/organizations/{ID}/calendar/stream", "stream"),
        ("POST", f"/api/v1/organizations/{ID}/calendar/stream", "other"),
        ("POST", "/api/v1/stream-tickets", "ticket"),
        ("POST", "/api/v1/auth/sign-in", "auth"),
        ("DELETE", f"/api/v1/auth/factors/{ID}", "auth"),
        ("POST", "/api/v1/author", "other"),
    ],
)
def test_a_request_is_of_one_kind(method: str, path: str, kind: Kind | None) -> None:
    assert kind_of(method, path) == kind


def test_every_route_in_the_table_is_one_of_the_api_and_every_one_of_the_api_is_limited() -> None:
    served = {(declared.method, declared.path) for declared in ENDPOINTS}
    named = {(method, path) for kind, method, path in ROUTES if kind != "auth"}
    assert named - served == set()
    kinds = {(method, path): kind_of(method, path.replace("{id}", ID)) for method, path in served}
    assert {key for key, kind in kinds.items() if kind is None} == {
        key for key in served if not key[1].startswith(PREFIX)
    }
    booking = {key for key, kind in kinds.items() if kind == "booking"}
    assert booking == set(OPERATIONS) - {("POST", "/api/v1/reservations/preview")}


@pytest.mark.parametrize(
    ("kind", "subjects", "names"),
    [
        ("other", ("user", "account"), ["api"]),
        ("booking", ("user", "account"), ["api", "booking"]),
        ("ticket", ("user", "account"), ["api", "stream-tickets"]),
        ("stream", ("user", "account"), ["stream-opens"]),
        ("auth", ("user", "account"), ["auth-account"]),
        ("auth", ("address",), ["auth-address"]),
        ("booking", ("address",), ["api-address"]),
        ("stream", ("address",), ["api-address"]),
        ("expired", ("address",), ["expired-address"]),
    ],
)
def test_a_request_comes_under_every_policy_of_its_kind_that_counts_who_asks(
    kind: Kind, subjects: tuple[Subject, ...], names: list[str]
) -> None:
    assert [policy.name for policy in policies().under(kind, *subjects)] == names


def test_signing_in_is_held_to_half_while_redis_is_away_and_nothing_else() -> None:
    table = {
        policy.name: policy for kind in ("auth", "booking", "expired", "other", "stream", "ticket")
        for policy in policies().under(kind, "user", "address", "account")
    }  # fmt: skip
    assert set(table) == set(NAMES)
    halved = {name for name, policy in table.items() if policy.failure is Failure.LOCAL_AT_HALF}
    assert halved == {"auth-address", "auth-account"}
    assert {table[name].alone.amount for name in halved} == {5}
    assert {policy.alone.amount for name, policy in table.items() if name not in halved} == {10}
    assert Policies(dict.fromkeys(NAMES, 1), 60, 10).under("auth", "address")[0].alone.amount == 1


def test_of_ipv6_a_whole_network_is_one_client_and_of_ipv4_an_address() -> None:
    assert network("2001:db8:1:2:3:4:5:6") == network("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert network("2001:db8:1:3::1") != network("2001:db8:1:2::1")
    assert network("192.0.2.1") == "192.0.2.1"
    assert network("unknown") == "unknown"


def test_a_key_says_nothing_of_its_subject_and_is_the_same_in_every_process() -> None:
    key = Names("sb_secret_x").key("account", "anna@example.com")
    assert key == Names("sb_secret_x").key("account", "anna@example.com")
    assert "anna" not in key
    others = {
        Names("sb_secret_y").key("account", "anna@example.com"),
        Names("sb_secret_x").key("user", "anna@example.com"),
        Names("sb_secret_x").key("account", "ben@example.com"),
    }
    assert key not in others
    assert len(others) == 3
