"""Record the driver's work in the metrics: each command, and each wait for a connection."""

from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
    ConnectionCheckedInEvent,
    ConnectionCheckedOutEvent,
    ConnectionCheckOutFailedEvent,
    ConnectionCheckOutStartedEvent,
    ConnectionClosedEvent,
    ConnectionCreatedEvent,
    ConnectionPoolListener,
    ConnectionReadyEvent,
    PoolClearedEvent,
    PoolClosedEvent,
    PoolCreatedEvent,
    PoolReadyEvent,
)

from likes_api import metrics


class CommandMetrics(CommandListener):
    """Time every command by its name."""

    def started(self, event: CommandStartedEvent) -> None:
        """Do nothing; the end of the command has its time."""

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Record the time of the command, its round trip included."""
        metrics.observe_command(event.command_name, event.duration_micros / 1e6, ok=True)

    def failed(self, event: CommandFailedEvent) -> None:
        """Record the time until it failed."""
        metrics.observe_command(event.command_name, event.duration_micros / 1e6, ok=False)


class PoolMetrics(ConnectionPoolListener):
    """Time every wait for a connection; a wait that ends without one counts as well."""

    def connection_checked_out(self, event: ConnectionCheckedOutEvent) -> None:
        """Record the wait."""
        metrics.observe_pool_wait(event.duration or 0)

    def connection_check_out_failed(self, event: ConnectionCheckOutFailedEvent) -> None:
        """Record the wait, which failed."""
        metrics.observe_pool_wait(event.duration or 0)

    def pool_created(self, event: PoolCreatedEvent) -> None:
        """Ignore this event, and all those below."""

    def pool_ready(self, event: PoolReadyEvent) -> None:  # noqa: D102
        pass

    def pool_cleared(self, event: PoolClearedEvent) -> None:  # noqa: D102
        pass

    def pool_closed(self, event: PoolClosedEvent) -> None:  # noqa: D102
        pass

    def connection_created(self, event: ConnectionCreatedEvent) -> None:  # noqa: D102
        pass

    def connection_ready(self, event: ConnectionReadyEvent) -> None:  # noqa: D102
        pass

    def connection_closed(self, event: ConnectionClosedEvent) -> None:  # noqa: D102
        pass

    def connection_check_out_started(self, event: ConnectionCheckOutStartedEvent) -> None:  # noqa: D102
        pass

    def connection_checked_in(self, event: ConnectionCheckedInEvent) -> None:  # noqa: D102
        pass
