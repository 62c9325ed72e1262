"""What `make bench` compares with is what it says: without it the figures would be of something else."""

from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from bench import bare
from bff.app import create_app
from bff.settings import load_settings
from tests.actors import Organization
from tests.harness import RunningStack, free_port, running_module


def test_the_bare_bff_answers_and_leaves_out_limits_audit_metrics_and_logs(
    stack: RunningStack, office: Organization, tmp_path: Path
) -> None:
    port = free_port()
    url, log, spool = f"http://127.0.0.1:{port}", tmp_path / "log", tmp_path / "spool"
    env = {**stack.env, "BFF_PORT": str(port), "LOG_LEVEL": "DEBUG", "AUDIT_SPOOL_DIR": str(spool)}
    headers = {"Authorization": f"Bearer {office.owner.token}", "X-Request-ID": "bare-1"}
    with (
        running_module("bench.bare", f"{url}/api/live", env, log),
        httpx.Client(base_url=url, headers=headers, timeout=20) as http,
    ):
        me = http.get("/api/v1/me")
        refused = http.post("/api/v1/reservations", json={})
        metrics = http.get("/api/metrics").text
    assert me.status_code == 200
    assert me.json()["data"]["profile"]["id"] == office.owner.id
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert not [name for name in me.headers if name.startswith(("x-ratelimit", "ratelimit"))]
    assert "http_requests_total{" not in metrics
    assert "rate_limit_requests_total{" not in metrics
    assert not spool.exists()
    assert log.read_text() == ""


def test_it_is_not_built_of_an_application_that_it_does_not_know(
    stack: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in stack.env.items():
        monkeypatch.setenv(name, value)
    settings = bare.bare_settings(load_settings())

    def without_user_limits(_: object) -> Starlette:
        app = create_app(settings)
        app.user_middleware = [each for each in app.user_middleware if "UserLimits" not in repr(each)]
        return app

    monkeypatch.setattr(bare, "create_app", without_user_limits)
    with pytest.raises(RuntimeError, match="UserLimits"):
        bare.create_bare_app(settings)
