"""Count the commands that a client sends to MongoDB: each is a round trip."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, get_ident

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent


class CountedCommands(CommandListener):
    """Note the name of each command; ``connect(uri, event_listeners=[counted])``.

    Heartbeats and handshakes are no commands to a listener, as pymongo has it. Commands of all threads are noted.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._noted: list[tuple[int, str]] = []

    @contextmanager
    def during(self, *, everybodys: bool = False) -> Iterator[list[str]]:
        """Yield the list of names, in order; it is filled when the block ends.

        :param everybodys: also those of other threads: of votes that meet, but of maintenance too, whenever it comes.
        """
        names: list[str] = []
        with self._lock:
            begin = len(self._noted)
        try:
            yield names
        finally:
            with self._lock:
                names.extend(name for thread, name in self._noted[begin:] if everybodys or thread == get_ident())

    def started(self, event: CommandStartedEvent) -> None:
        """Note a command."""
        with self._lock:
            self._noted.append((get_ident(), event.command_name))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Ignore its answer; the command was counted when it began."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Ignore its failure; the command was counted when it began."""
