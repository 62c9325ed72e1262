"""docs/security.md: no risk without a test, no header that is not sent."""

import re
from pathlib import Path

import pytest

from bff.middleware import DOCUMENT_HEADERS, SECURITY_HEADERS

RISKS = [f"API{number}:2023" for number in range(1, 11)]


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs/security.md").read_text()


def test_each_risk_is_walked_through_once_and_in_order(page: str) -> None:
    assert re.findall(r"^### (API\d+:2023) ", page, re.MULTILINE) == RISKS


@pytest.mark.parametrize("risk", RISKS)
def test_each_risk_names_what_shows_it(page: str, risk: str) -> None:
    # That they exist, tests/test_docs.py sees to.
    section = page.split(f"\n### {risk} ")[1].split("\n#", maxsplit=1)[0]
    assert re.findall(r"`(test_\w+)`", section)


def test_the_headers_on_the_page_are_those_that_are_sent(page: str) -> None:
    table = page.split("\n## Headers\n")[1].split("\nNot sent:", maxsplit=1)[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`([\w-]+)`", row.split("|")[1])} == {
        *SECURITY_HEADERS,
        *DOCUMENT_HEADERS,
    }
    assert f"`{SECURITY_HEADERS['Content-Security-Policy']}`" in table


def test_links_of_the_page_lead_somewhere(root: Path, page: str) -> None:
    for name, text in (("docs", page), (".", (root / "SECURITY.md").read_text())):
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert (root / name / target).exists(), target
