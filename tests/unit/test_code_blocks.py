"""The pages of docs/integration show what the tests run."""

import pytest

from harness.server import ROOT
from tests.support.code_blocks import CodeBlock, code_blocks, original

PAGES = sorted((ROOT / "docs" / "integration").glob("*.md"))
BLOCKS = [block for page in PAGES for block in code_blocks(page)]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_code_block_is_a_part_of_the_file_that_it_names(block: CodeBlock) -> None:
    assert block.source, f"a code block names no file:\n{block.code}"
    assert block.code == original(block.source)
