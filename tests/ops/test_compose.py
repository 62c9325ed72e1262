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


# What the image itself decides: where it listens, where its volume is, and that no page is served.
OF_THE_IMAGE = {"BFF_HOST", "BFF_PORT", "AUDIT_SPOOL_DIR", "CALENDAR_PAGE_DIR"}


def test_every_setting_reaches_the_bff_and_nothing_else_does(compose: dict[str, Any]) -> None:
    known = {variables(field)[0] for field in Settings.model_fields.values()}
    assert set(compose["services"]["bff"]["environment"]) == known - OF_THE_IMAGE


def test_what_guide_and_runbooks_have_set_reaches_the_bff(root: Path, compose: dict[str, Any]) -> None:
    known = {name for field in Settings.model_fields.values() for name in variables(field)}
    pages = [root / "docs/deployment.md", root / "docs/flags.md", *(root / "ops/runbooks").glob("*.md")]
    named = known & {name for page in pages for name in re.findall(r"\b[A-Z][A-Z_]{3,}\b", page.read_text())}
    assert {"SUPABASE_FORWARDING_KEY", "FEATURES_OFF", "UPSTREAM_CONNECTIONS", "AUDIT_WHEN_FULL"} <= named
    assert named - OF_THE_IMAGE <= set(compose["services"]["bff"]["environment"])


def test_the_audit_spool_is_a_volume_that_outlives_the_container(root: Path, compose: dict[str, Any]) -> None:
    image = (root / "Dockerfile").read_text()
    (folder,) = re.findall(r"AUDIT_SPOOL_DIR=(\S+)", image)
    assert f'VOLUME ["{folder}"]' in image
    assert compose["services"]["bff"]["volumes"] == [f"audit-spool:{folder}"]
    assert "audit-spool" in compose["volumes"]


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
    return [target for job in jobs for group in job.get("static_configs", []) for target in group["targets"]]


def test_what_only_the_deployment_knows_is_asked_at_an_address_of_its_own(root: Path) -> None:
    config = read_yaml(root / "ops/prometheus/prometheus.yml")
    jobs = {job["job_name"]: job for job in config["scrape_configs"] if "file_sd_configs" in job}
    assert set(jobs) == {"public", "supabase"}
    for name, job in jobs.items():
        (source,) = job["file_sd_configs"]
        assert source["files"] == [f"targets/{name}.yml"]
        (group,) = read_yaml(root / f"ops/prometheus/targets/{name}.yml.example")
        assert len(group["targets"]) == 1
    (public,) = read_yaml(root / "ops/prometheus/targets/public.yml.example")[0]["targets"]
    assert public.startswith("https://")
    module = read_yaml(root / "ops/blackbox/blackbox.yml")["modules"]["public"]
    assert module["http"]["fail_if_not_ssl"] is True


def test_prometheus_is_given_each_secret_that_it_reads(root: Path, compose: dict[str, Any]) -> None:
    read = set(re.findall(r"/run/secrets/(\w+)", (root / "ops/prometheus/prometheus.yml").read_text()))
    assert read == set(compose["services"]["prometheus"]["secrets"]) == set(compose["secrets"])
    guide = (root / "docs/deployment.md").read_text()
    assert [name for name in sorted(read) if f"ops/secrets/{name}" not in guide] == []


def test_what_is_told_to_ignore_holds_the_secrets(root: Path) -> None:
    ignored = (root / ".gitignore").read_text().splitlines()
    assert {"ops/compose.env", "ops/secrets/", "ops/prometheus/targets/*.yml"} <= set(ignored)
