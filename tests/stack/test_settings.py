"""What the embedded stack can be set to is written down."""

from pathlib import Path

from stack.settings import PROJECT, Settings


def test_every_setting_is_in_the_documentation_with_its_default_and_meaning() -> None:
    page = (PROJECT / "docs" / "embedded-stack.md").read_text()
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, Path) and default.is_absolute():
            default = default.relative_to(PROJECT)
        assert f"| `STACK_{name.upper()}` | `{default}` | {field.description} |" in page
