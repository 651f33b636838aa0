"""The settings of the service that docs/integration shows."""

from pathlib import Path


def read_settings(path: Path) -> dict[str, str]:
    """Return the variables of an environment file: `NAME=value` lines, and comments."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)
