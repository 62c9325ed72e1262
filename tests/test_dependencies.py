"""What is installed to run the BFF is used by it."""

import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.test_imports import imports, modules

# Imported by a library that we use, and only where it is there.
INDIRECT = {"email-validator": "pydantic's EmailStr"}


def plain(name: str) -> str:
    """A distribution's name as PyPI compares them (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_each_runtime_dependency_is_imported_somewhere(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    needed = {plain(re.split(r"[\[<>=!~; ]", each)[0]) for each in project["dependencies"]}
    packages = packages_distributions()
    used = {
        plain(distribution)
        for _, path in modules(root, "bff")
        for imported in imports(root, path)
        for distribution in packages.get(imported.split(".")[0], ())
    }
    assert needed - used - set(INDIRECT) == set()
    assert set(INDIRECT) <= needed - used
