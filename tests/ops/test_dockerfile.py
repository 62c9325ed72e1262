"""What the Dockerfile promises, as far as it can be read; `make image` runs it."""

import re
from pathlib import Path

import pytest

from bff.settings import Settings, variables
from tests.image.build import Stage, parse


@pytest.fixture
def stages(root: Path) -> list[Stage]:
    return parse((root / "Dockerfile").read_text())


def test_the_images_are_pinned_to_a_version(stages: list[Stage]) -> None:
    assert {re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", stage.base) is not None for stage in stages} == {
        True
    }


def test_wheels_are_installed_by_hash_and_nothing_is_built(stages: list[Stage]) -> None:
    (install,) = [each.text for each in stages[0].all("RUN") if "install --no-cache-dir" in each.text]
    for flag in ("--require-hashes", "--no-deps", "--only-binary :all:", "-r /build/requirements.lock"):
        assert flag in install
    assert not stages[-1].all("RUN"), "the last stage only copies"


def test_the_service_is_process_1_and_nobody(stages: list[Stage]) -> None:
    final = stages[-1]
    assert final.last("ENTRYPOINT").text.startswith("["), "a shell would keep SIGTERM to itself"
    assert final.last("ENTRYPOINT").words == ["python", "-m", "bff"]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", final.last("USER").text)
    assert final.last("HEALTHCHECK").text.startswith('CMD ["python"')


def test_no_secret_is_in_the_image(stages: list[Stage]) -> None:
    secrets = {
        name
        for field in Settings.model_fields.values()
        if "secret" in str(field.annotation).lower()
        for name in variables(field)
    }
    assert "SUPABASE_SECRET_KEY" in secrets
    for stage in stages:
        assert not secrets & set(stage.environment())
        assert not stage.all("ADD")


def test_the_builder_is_sent_only_what_is_copied(root: Path, stages: list[Stage]) -> None:
    lines = [line for line in (root / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    copied = {each.words[0] for stage in stages for each in stage.all("COPY") if "from" not in each.flags}
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == copied
    assert all((root / name).exists() for name in copied)
