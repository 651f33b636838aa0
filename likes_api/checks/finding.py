"""The findings of a check."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """The severity of a finding."""

    OK = "ok"
    SKIPPED = "skipped"  # it could not be checked
    WARNING = "warning"  # it works, and should be looked at
    ERROR = "error"  # the service does not work with it


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    level: Level
    subject: str
    text: str
