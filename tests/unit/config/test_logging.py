"""The log for people: a line per record, coloured on a terminal only."""

import logging
import sys
from typing import Any

import pytest

from config.logging import TextFormatter, configuration

REQUEST = {
    "method": "POST",
    "route": "/api/likes",
    "status": 200,
    "milliseconds": 3.21,
    "request_id": "abc",
}


def record(message: str = "request", level: int = logging.INFO, **fields: Any) -> logging.LogRecord:
    made = logging.LogRecord("likes_api.x", level, __file__, 1, message, (), None)
    vars(made).update(fields)
    return made


def line(made: logging.LogRecord, *, colours: bool = False) -> str:
    return TextFormatter(colours=colours).format(made).partition(" ")[2]


def test_request_is_one_line_with_all_its_fields_when_written_for_people() -> None:
    assert line(record(**REQUEST)).split() == ["POST", "200", "3.21", "ms", "/api/likes", "abc"]
    assert line(record(**REQUEST | {"route": None, "status": 404})).split()[4] == "-"


@pytest.mark.parametrize(("status", "colour"), [(200, 32), (304, 36), (429, 33), (503, 31)])
def test_status_has_the_colour_of_its_class_when_colours_are_on(status: int, colour: int) -> None:
    assert f"\033[{colour}m{status}\033[0m" in line(record(**REQUEST | {"status": status}), colours=True)
    assert "\033" not in TextFormatter(colours=False).format(record(**REQUEST))


def test_record_shows_its_extra_fields_when_it_is_no_request() -> None:
    made = record("mongod died", logging.WARNING, exit_code=-9)
    assert line(made) == "WARNING likes_api.x: mongod died  exit_code=-9"


def test_traceback_follows_its_line_when_an_exception_is_logged() -> None:
    try:
        int("boom")
    except ValueError:
        made = record("failed", logging.ERROR)
        made.exc_info = sys.exc_info()
    first, *_, last = TextFormatter(colours=False).format(made).splitlines()
    assert first.endswith("ERROR likes_api.x: failed")
    assert last.startswith("ValueError: invalid literal")


@pytest.mark.parametrize(
    ("asked", "terminal", "formatter"),
    [
        ("auto", True, "text"),
        ("auto", False, "json"),
        ("json", True, "json"),
        ("text", False, "text"),
    ],
)
def test_format_is_the_one_asked_for_or_fits_stdout_when_auto(
    monkeypatch: pytest.MonkeyPatch, asked: str, terminal: bool, formatter: str
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    assert configuration(asked)["handlers"]["stdout"]["formatter"] == formatter


@pytest.mark.parametrize(
    ("terminal", "no_color", "colours"), [(True, "", True), (True, "1", False), (False, "", False)]
)
def test_colours_are_on_when_stdout_is_a_terminal_and_no_color_is_unset(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, no_color: str, colours: bool
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    monkeypatch.setenv("NO_COLOR", no_color)
    assert configuration("text")["formatters"]["text"]["colours"] is colours
