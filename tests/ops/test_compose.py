"""The compose file fits the settings, the files beside it, and what Prometheus asks."""

import re
from pathlib import Path
from typing import Any

import pytest

from bff.settings import Settings, variables
from tests.harness import read_env
from tests.ops.files import read_yaml

NEEDED = re.compile(r"\$\{(\w+)([^}]*)\}")


@pytest.fixture
def text(root: Path) -> str:
    return (root / "ops/compose.yaml").read_text()


@pytest.fixture
def compose(root: Path) -> dict[str, Any]:
    document: dict[str, Any] = read_yaml(root / "ops/compose.yaml")
    return document


def test_every_image_is_of_one_version(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        image = service["image"]
        assert image == "${BFF_IMAGE:?}" or re.search(r":v?\d+\.\d+\.\d+(-[\w.]+)?$", image), name


def test_what_is_not_given_has_no_default_and_the_example_names_all_of_it(root: Path, text: str) -> None:
    asked = NEEDED.findall(text)
    assert {default for _, default in asked} == {":?"}
    example = read_env(root / "ops/compose.env.example")
    assert set(example) == {name for name, _ in asked}
    assert set(example.values()) == {""}


def test_the_bff_is_given_settings_that_exist(compose: dict[str, Any]) -> None:
    known = {name for field in Settings.model_fields.values() for name in variables(field)}
    given = set(compose["services"]["bff"]["environment"])
    assert given <= known
    required = {variables(field)[0] for field in Settings.model_fields.values() if field.is_required()}
    assert required <= given


def test_nothing_listens_beyond_loopback_and_nothing_may_gain_rights(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "privileged" not in service, name


def test_the_files_that_are_mounted_exist_and_the_volumes_are_declared(
    root: Path, compose: dict[str, Any]
) -> None:
    for service in compose["services"].values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("./"):
                assert (root / "ops" / source).exists(), source
            elif not source.startswith("/"):
                assert source in compose["volumes"], source


def test_prometheus_asks_services_that_are_there(root: Path, compose: dict[str, Any]) -> None:
    config = read_yaml(root / "ops/prometheus/prometheus.yml")
    hosts = set(re.findall(r"(?:http://|^)([\w-]+):\d+", "\n".join(_targets(config)), re.MULTILINE))
    assert hosts - {"localhost"} <= set(compose["services"])
    modules = read_yaml(root / "ops/blackbox/blackbox.yml")["modules"]
    asked = {job["params"]["module"][0] for job in config["scrape_configs"] if "params" in job}
    assert asked == set(modules)


def _targets(config: dict[str, Any]) -> list[str]:
    jobs = [*config["scrape_configs"], *config["alerting"]["alertmanagers"]]
    return [target for job in jobs for group in job["static_configs"] for target in group["targets"]]


def test_what_is_told_to_ignore_holds_the_secrets(root: Path) -> None:
    ignored = (root / ".gitignore").read_text().splitlines()
    assert {"ops/compose.env", "ops/secrets/"} <= set(ignored)
