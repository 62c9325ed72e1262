"""The dependency rule: who may import whom, read from the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

# What each module of the BFF may import of it; `*` stands for the package's modules, longest name first.
# app -> routes -> {relay, repository, auth, …} -> {schemas, errors}; inside the relay feed -> hub <- sse.
HUB = {f"bff.relay.{name}" for name in ("batch", "organization", "pages", "ring", "views")}
ALLOWED: dict[str, set[str]] = {
    "bff": set(),
    "bff.errors": set(),
    "bff.flags": set(),
    "bff.scrubbing": set(),
    "bff.settings": {"bff.flags"},
    "bff.sink": set(),
    "bff.telemetry": {"bff.scrubbing", "bff.sink"},
    "bff.reporting": {"bff", "bff.scrubbing", "bff.telemetry"},
    "bff.disk": set(),
    "bff.metrics": {"bff", "bff.disk", "bff.limits.metrics", "bff.upstream_metrics"},
    "bff.upstream_metrics": set(),
    "bff.pool": set(),
    "bff.schemas": {"bff.errors", "bff.schemas", "bff.wording"},
    "bff.addresses": set(),
    "bff.bounded": set(),
    "bff.breaker": set(),
    "bff.gate": set(),
    "bff.auth": {"bff.bounded", "bff.errors"},
    "bff.audit": set(),
    "bff.audit.journal": set(),
    "bff.audit.spool": {"bff.audit.journal"},
    "bff.audit.redaction": {"bff.schemas"},
    "bff.audit.orphans": {"bff.audit.keeper", "bff.audit.spool"},
    "bff.audit.refused": {"bff.audit.spool"},
    "bff.audit.repeats": set(),
    "bff.audit.subjects": {"bff.audit.redaction"},
    "bff.audit.suspects": {"bff.audit.spool"},
    "bff.audit.writer": {"bff.bounded", "bff.upstream"},
    "bff.audit.keeper": {"bff.audit.spool"},
    "bff.audit.sealing": {"bff.audit.writer"},
    "bff.audit.sender": {
        "bff.audit.keeper",
        "bff.audit.orphans",
        "bff.audit.refused",
        "bff.audit.spool",
        "bff.audit.suspects",
        "bff.audit.writer",
    },
    "bff.audit.recorder": {
        "bff.audit.keeper",
        "bff.audit.repeats",
        "bff.audit.sealing",
        "bff.audit.sender",
        "bff.audit.spool",
        "bff.audit.writer",
    },
    "bff.audit.middleware": {
        "bff",
        "bff.addresses",
        "bff.audit.recorder",
        "bff.audit.repeats",
        "bff.audit.subjects",
        "bff.errors",
        "bff.limits.limiter",
        "bff.metrics",
        "bff.scrubbing",
        "bff.state",
    },
    "bff.upstream": {"bff.errors", "bff.pool"},
    "bff.waiting": set(),
    "bff.exchange": {
        "bff.breaker",
        "bff.errors",
        "bff.gate",
        "bff.pool",
        "bff.upstream",
        "bff.waiting",
    },
    "bff.repository": {"bff.errors", "bff.exchange", "bff.pool", "bff.upstream"},
    "bff.storage": {"bff.repository"},
    "bff.turns": set(),
    "bff.identity": {
        "bff.turns",
        "bff.addresses",
        "bff.errors",
        "bff.exchange",
        "bff.pool",
        "bff.repository",
        "bff.schemas",
        "bff.upstream",
    },
    "bff.health": {"bff", "bff.bounded", "bff.schemas"},
    "bff.relay.views": set(),
    "bff.relay.ring": {"bff.relay.views"},
    "bff.relay.pages": {"bff.relay.views"},
    "bff.relay.batch": {"bff.relay.pages"},
    "bff.relay.organization": {"bff.relay.views", "bff.relay.ring"},
    "bff.relay.past": HUB,
    "bff.relay.hub": HUB | {"bff.relay.past"},
    "bff.relay.outlet": set(),
    "bff.relay": {"bff.relay", "bff.bounded", "bff.errors"},
    "bff.limits.headers": {"bff.limits"},
    "bff.limits.leases": {"bff.limits"},
    "bff.limits.limiter": {"bff.limits"},
    "bff.limits.middleware": {"bff.errors", "bff.limits", "bff.state"},
    "bff.limits.owners": set(),
    "bff.limits.policies": {"bff.metrics"},
    "bff.limits.metrics": set(),
    "bff.limits.redis": set(),
    "bff.limits.service": {"bff.limits"},
    "bff.limits.windows": set(),
    "bff.limits": set(),
    "bff.state": {
        "bff.audit.recorder",
        "bff.auth",
        "bff.errors",
        "bff.health",
        "bff.identity",
        "bff.limits",
        "bff.metrics",
        "bff.relay",
        "bff.repository",
    },
    "bff.http": {"bff.auth", "bff.errors", "bff.repository", "bff.schemas", "bff.state"},
    "bff.wording": {"bff.wording"},
    "bff.responses": {"bff.errors", "bff.state", "bff.wording"},
    "bff.middleware": {
        "bff.waiting",
        "bff.addresses",
        "bff.auth",
        "bff.errors",
        "bff.metrics",
        "bff.responses",
        "bff.scrubbing",
        "bff.state",
        "bff.telemetry",
    },
    "bff.overload": {"bff.errors", "bff.state"},
    "bff.paths": {"bff.errors"},
    "bff.openapi": {
        "bff",
        "bff.errors",
        "bff.examples",
        "bff.http",
        "bff.limits.policies",
        "bff.responses",
        "bff.schemas",
    },
    "bff.examples": set(),
    "bff.docs": {"bff.errors"},
    "bff.export": set(),
    "bff.routes": {
        "bff.auth",
        "bff.docs",
        "bff.errors",
        "bff.export",
        "bff.http",
        "bff.limits.middleware",
        "bff.identity",
        "bff.metrics",
        "bff.relay",
        "bff.repository",
        "bff.responses",
        "bff.routes",
        "bff.schemas",
        "bff.state",
        "bff.storage",
        "bff.wording",
    },
    "bff.app": {"*"},
    "bff.document": {"bff.app", "bff.openapi"},
    "bff.protocol": {"bff.relay.outlet"},
    "bff.descriptors": set(),
    "bff.server": {"bff.descriptors", "bff.protocol", "bff.relay", "bff.settings"},
    "bff.workers": {"bff.metrics"},
    "bff.__main__": {"bff.app", "bff.server", "bff.settings", "bff.workers"},
}


def modules(root: Path, package: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(root: Path, path: Path) -> Iterator[str]:
    """Full names of what a file imports, those inside functions too; relative imports are not used here."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                file = root.joinpath(*name.split("."))
                is_module = file.with_suffix(".py").exists() or (file / "__init__.py").exists()
                yield name if is_module else str(node.module)


def rule_of(module: str) -> str:
    """The longest name in ALLOWED that covers the module."""
    names = [name for name in ALLOWED if module == name or (name != "bff" and module.startswith(f"{name}."))]
    assert names, f"{module} has no rule in ALLOWED"
    return max(names, key=len)


def covers(allowed: str, module: str) -> bool:
    return allowed == "*" or module == allowed or (allowed != "bff" and module.startswith(f"{allowed}."))


@pytest.fixture
def found(root: Path) -> list[tuple[str, str]]:
    return [
        (module, imported)
        for module, path in modules(root, "bff")
        for imported in imports(root, path)
        if imported.split(".")[0] in ("bff", "stack", "tests")
    ]


def test_modules_import_only_what_lies_below_them(found: list[tuple[str, str]]) -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, imported in found
        if not any(covers(allowed, imported) for allowed in ALLOWED[rule_of(module)])
    ]
    assert not wrong


def test_the_bff_and_the_stack_do_not_know_each_other(root: Path) -> None:
    wrong = [
        f"{module} imports {imported}"
        for package, other in (("bff", "stack"), ("stack", "bff"))
        for module, path in modules(root, package)
        for imported in imports(root, path)
        if imported.split(".")[0] in (other, "ops", "tests")
    ]
    assert not wrong


def test_what_operators_run_and_the_rest_do_not_know_each_other(root: Path) -> None:
    packages = ("bff", "stack", "ops")
    wrong = [
        f"{module} imports {imported}"
        for package in packages
        for module, path in modules(root, package)
        for imported in imports(root, path)
        if imported.split(".")[0] in {*packages, "tests"} - {package}
        and "ops" in (package, imported.split(".")[0])
    ]
    assert not wrong


def test_only_the_app_sees_the_settings(found: list[tuple[str, str]]) -> None:
    seen_by = {module for module, imported in found if covers("bff.settings", imported)}
    assert seen_by == {"bff.app", "bff.server", "bff.__main__"}


def test_only_the_repository_the_relay_and_the_identity_build_calls_to_supabase(root: Path) -> None:
    users = {
        module
        for module, path in modules(root, "bff")
        for imported in imports(root, path)
        if imported.startswith("bff.pool")
    }
    assert users == {"bff.app", "bff.exchange", "bff.identity", "bff.repository", "bff.upstream"}
