"""Fenced code blocks of Markdown pages, and the files that they are copies of.

A block names its file behind the language, from the root of the repository: "js path/to/file.js". With `#part`
behind the path it holds the lines between two comments of that file, `docs: part` and `docs: end`, without their common
indentation.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.server import ROOT

_BLOCK = re.compile(r"^```(?P<info>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"^\W*docs: (?P<part>[\w-]+)\W*$")


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A block of a page; ``source`` is what stands behind its language: a file, or nothing."""

    page: str
    source: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.source}"


def code_blocks(page: Path) -> Iterator[CodeBlock]:
    """Yield the blocks of a page, in its order."""
    for match in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        yield CodeBlock(page.name, match["info"].partition(" ")[2], match["code"])


def original(source: str) -> str:
    """Return the text that a block with this source must hold.

    :raises OSError: there is no such file.
    :raises KeyError: the file has no such part.
    """
    path, _, part = source.partition("#")
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines(keepends=True)
    parts: dict[str, list[str]] = {"": [], "end": []}
    name = "end"
    for line in lines:
        if mark := _MARK.match(line):
            name = mark["part"]
            parts[name] = []
        else:
            parts[name].append(line)
            parts[""].append(line)
    return textwrap.dedent("".join(parts[part]))
