"""What is missing or wrong is said by name at start, and never with a value."""

from pathlib import Path

import pytest

from bff.app import create_app
from bff.settings import REFUSED, Settings, SettingsError, load_settings

NEEDED = {
    "SUPABASE_URL": "http://127.0.0.1:54321",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_x",
    "SUPABASE_SECRET_KEY": "sb_secret_x",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_variable_is_named(environment: pytest.MonkeyPatch, name: str, value: str | None) -> None:
    if value is None:
        environment.delenv(name)
    else:
        environment.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^{name} is not set$"):
        create_app()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SUPABASE_URL", "project.example"),
        ("SUPABASE_JWT_SECRET", "hunter2"),
        ("BFF_PORT", "70000"),
        ("LOG_LEVEL", "chatty"),
        ("REQUEST_TIMEOUT", "-1"),
        ("CORS_ORIGINS", "https://a.example,*"),
        ("TRUSTED_PROXIES", "10.0.0.1,proxy.internal"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "*"),
        ("SENTRY_DSN", "sentry.example/1"),
        ("SENTRY_DSN", "https://sentry.example/1"),
        ("SENTRY_DSN", "https://key@sentry.example/project"),
        ("SENTRY_ENVIRONMENT", "a/b"),
        ("FEATURES_OFF", "waitlist,waitlsit"),
        ("ENABLE_REALTIME", "sometimes"),
        ("REDIS_URL", "https://eu1-fox.upstash.example"),
        ("REDIS_TIMEOUT", "-1"),
        ("RATE_LIMIT_API", "-7"),
        ("RATE_LIMIT_WINDOW", "0.5"),
    ],
)
def test_a_wrong_variable_is_named_without_its_value(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^{name}: ") as caught:
        load_settings()
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "alias"),
    [
        ("SUPABASE_URL", "NEXT_PUBLIC_SUPABASE_URL"),
        ("SUPABASE_PUBLISHABLE_KEY", "SUPABASE_ANON_KEY"),
        ("SUPABASE_PUBLISHABLE_KEY", "NEXT_PUBLIC_SUPABASE_ANON_KEY"),
        ("SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"),
    ],
)
def test_the_plans_names_are_taken(environment: pytest.MonkeyPatch, name: str, alias: str) -> None:
    environment.delenv(name)
    environment.setenv(alias, "http://alias.example")
    settings = load_settings()
    given = {
        "SUPABASE_URL": settings.supabase_url,
        "SUPABASE_PUBLISHABLE_KEY": settings.supabase_publishable_key,
        "SUPABASE_SECRET_KEY": settings.supabase_secret_key.get_secret_value(),
    }
    assert given[name] == "http://alias.example"


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_do_nothing_is_refused_by_name(
    environment: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    environment.setenv(name, "")
    load_settings()
    environment.setenv(name, "http://gateway.example:9091")
    with pytest.raises(SettingsError, match=f"^{name}: ") as caught:
        load_settings()
    assert "gateway.example" not in str(caught.value)
    environment.delenv(name)
    (tmp_path / ".env").write_text(f"{name}=http://gateway.example:9091\n")
    environment.setitem(Settings.model_config, "env_file", str(tmp_path / ".env"))
    with pytest.raises(SettingsError, match=f"^{name}: "):
        load_settings()


def test_the_plans_other_names_may_stand_there(environment: pytest.MonkeyPatch) -> None:
    for name in ("RESEND_API_KEY", "SENDGRID_API_KEY"):
        environment.setenv(name, "key-of-mail")
    environment.setenv("ENABLE_REALTIME", "false")
    environment.setenv("SENTRY_DSN", "https://key@sentry.example/prefix/42")
    environment.setenv("FEATURES_OFF", "waitlist, bulk_assets,")
    settings = load_settings()
    assert not settings.enable_realtime
    assert settings.features_off == ("waitlist", "bulk_assets")
    assert "key" not in repr(settings.sentry_dsn)


def test_origins_are_split_and_secrets_do_not_show(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CORS_ORIGINS", "https://app.example/, http://localhost:3000")
    settings = load_settings()
    assert settings.cors_origins == ("https://app.example", "http://localhost:3000")
    assert "sb_secret_x" not in repr(settings)
    assert settings.jwt_issuer == "http://127.0.0.1:54321/auth/v1"


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:6379/0", "rediss://default:pass%2Fword@fox.upstash.example:6379"]
)
def test_redis_is_reached_with_and_without_tls(environment: pytest.MonkeyPatch, url: str) -> None:
    environment.setenv("REDIS_URL", url)
    redis_url = load_settings().redis_url
    assert redis_url is not None
    assert redis_url.get_secret_value() == url
    assert "pass" not in repr(load_settings())
