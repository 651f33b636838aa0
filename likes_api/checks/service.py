"""Check that the service that runs here answers, and that it knows its proxies."""

import http.client
import json
import socket
from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families

from config.settings import Settings
from likes_api import metrics
from likes_api.checks.finding import Finding, Level

# From fewer requests, nothing follows about the proxies.
ENOUGH_REQUESTS = 100
NEARLY_ALL = 0.9
_SECONDS = 5.0


def check(settings: Settings) -> Iterator[Finding]:
    """Yield findings about the service at ``LIKES_BIND``, from its own answers."""
    try:
        status, ready = _get(settings, "/readyz")
        said, exposition = _get(settings, "/metrics")
    except (OSError, http.client.HTTPException):
        yield Finding(Level.SKIPPED, "service", f"nothing answers at {settings.bind}")
        yield Finding(Level.SKIPPED, "proxies", "only a service that runs knows them")
        return
    yield _readiness(status, ready)
    if said == http.client.OK:
        yield _proxies(settings, exposition)
    else:
        yield Finding(Level.SKIPPED, "proxies", f"GET /metrics answers {said}: is this machine in LIKES_METRICS_ALLOW?")


def _readiness(status: int, body: str) -> Finding:
    if status not in {http.client.OK, http.client.SERVICE_UNAVAILABLE}:
        return Finding(Level.ERROR, "service", f"GET /readyz answers {status}")
    answer = json.loads(body)
    faults = answer.get("not_ready") or answer.get("degraded") or {}
    text = ", ".join(f"{name}: {fault}" for name, fault in faults.items())
    level = Level.ERROR if "not_ready" in answer else Level.WARNING if faults else Level.OK
    return Finding(level, "service", text or "ready")


def _proxies(settings: Settings, exposition: str) -> Finding:
    """Check the share of requests that one address makes: behind a proxy that is not counted, all are the proxy's."""
    families = text_string_to_metric_families(exposition)
    values = {sample.name: sample.value for family in families for sample in family.samples if not sample.labels}
    requests = values.get(metrics.ADDRESSED, 0)
    if requests < ENOUGH_REQUESTS:
        return Finding(Level.SKIPPED, "proxies", f"{requests:.0f} requests so far, too few to judge by")
    share = values.get(metrics.ONE_ADDRESS, 0) / requests
    if share < NEARLY_ALL:
        return Finding(Level.OK, "proxies", "requests come from several addresses")
    text = (
        f"one address makes {share:.0%} of the requests or more. Unless all visitors share it, LIKES_TRUSTED_PROXIES, "
        f"{settings.trusted_proxies}, is not the number of proxies in front of the service"
    )
    return Finding(Level.WARNING, "proxies", text)


def _get(settings: Settings, path: str) -> tuple[int, str]:
    """Send a request as a monitoring system on this machine does, through as many proxies as are trusted."""
    headers = {"Host": settings.trusted_hosts[0].lstrip(".") if settings.trusted_hosts else "localhost"}
    if settings.trusted_proxies:
        headers["X-Forwarded-For"] = ", ".join(["127.0.0.1"] * settings.trusted_proxies)
    connection = _Connection(settings.bind)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class _Connection(http.client.HTTPConnection):
    """A connection to a service that is bound to ``host:port`` or ``unix:PATH``."""

    def __init__(self, bind: str) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._bind = bind

    def connect(self) -> None:
        """Connect; where the service listens on all addresses, Linux connects to the loopback."""
        if self._bind.startswith("unix:"):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(_SECONDS)
            self.sock.connect(self._bind.removeprefix("unix:"))
        else:
            host, _, port = self._bind.rpartition(":")
            self.sock = socket.create_connection((host.strip("[]") or "localhost", int(port)), _SECONDS)
