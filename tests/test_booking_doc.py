"""docs/booking.md does what it says: its commands are run in order, and print what stands below them."""

import re
from pathlib import Path

import pytest

from tests.harness import ROOT, RunningStack
from tests.pages import Example, assert_printed, examples, run

PAGE = ROOT / "docs/booking.md"
EXAMPLES = examples(PAGE.read_text())


@pytest.fixture(scope="module")
def printed(stack: RunningStack, bff_url: str) -> dict[str, str]:
    """What each example printed, by its name."""
    answers = run([example.script for example in EXAMPLES], stack.directory, bff_url)
    return dict(zip((example.name for example in EXAMPLES), answers, strict=True))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_example_prints_what_the_page_says(example: Example, printed: dict[str, str]) -> None:
    assert_printed(example, printed[example.name])


def test_the_page_names_every_code_that_a_rule_may_answer_with(root: Path) -> None:
    known = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text().partition("### Codes")[2], re.MULTILINE))
    migrations = "".join(path.read_text() for path in (root / "supabase/migrations").glob("*.sql"))
    used = set(re.findall(r"app\.finding\(\s*'(\w+)'|\(\d, '(tier_\w+)', '", migrations))
    assert {"quota", "tier_max_advance"} <= (codes := {"".join(found) for found in used})
    assert codes - known == set()
