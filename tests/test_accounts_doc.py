"""docs/accounts.md does what it says: its commands are run in order, and print what stands below them."""

from tests.harness import ROOT, RunningStack
from tests.pages import assert_printed, examples, run


def test_the_examples_print_what_the_page_says_and_may_be_run_again(
    stack: RunningStack, bff_url: str
) -> None:
    page = examples((ROOT / "docs/accounts.md").read_text())
    for _ in range(2):
        printed = run([example.script for example in page], stack.directory, bff_url)
        for example, told in zip(page, printed, strict=True):
            assert_printed(example, told)
