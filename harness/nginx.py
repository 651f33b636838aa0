"""Debian's nginx with ``deploy/nginx.conf`` in front of a server, on free ports of the loopback."""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.server import ROOT, free_port, is_listening
from likes_api.server.child_process import tied_to_this_process

START_SECONDS = 60.0
_HOST = "127.0.0.1"
# The documented rule for all that no other rule is about.
_EVERYTHING = """\
    location / {
        proxy_pass http://likes_api;
    }
"""
_MAIN = """\
daemon off;
worker_processes 1;
error_log stderr;
pid {directory}/nginx.pid;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/site.conf;
}}
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx: https with a certificate it signed itself, and the same site without TLS for measurements."""

    redirect_port: int
    tls_port: int
    plain_port: int
    certificate: Path


@contextmanager
def running_nginx(upstream: str, host: Path | None = None) -> Iterator[Nginx]:
    """Run the documented site in front of ``upstream`` (host:port).

    :param host: a folder with ``locations.conf``, which stands for the documented ``location /``, and the pages in
        ``www`` that it serves.
    :raises AssertionError: nginx refuses the configuration or does not listen; the message holds what it said.
    """
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/sbin")
    assert program, "nginx is not installed; `make system-test` does it"
    # nginx, started by root, serves as nobody: that user must reach its own files.
    with tempfile.TemporaryDirectory(prefix="likes-api-nginx-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        nginx = Nginx(free_port(), free_port(), free_port(), _certificate(directory))
        site = _site(nginx, upstream, directory)
        if host is not None:
            shutil.copytree(host / "www", directory / "www")
            locations = (host / "locations.conf").read_text().replace("/srv/www", str(directory / "www"))
            assert site.count(_EVERYTHING) == 1
            site = site.replace(_EVERYTHING, locations)
        (directory / "site.conf").write_text(site)
        (directory / "nginx.conf").write_text(_MAIN.format(directory=directory))
        log = directory / "log"
        with log.open("wb") as said:
            command = tied_to_this_process([program, "-c", str(directory / "nginx.conf"), "-p", str(directory)])
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not is_listening(nginx.tls_port):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.02)
            yield nginx
        finally:
            process.terminate()
            process.wait()


def _site(nginx: Nginx, upstream: str, directory: Path) -> str:
    """Return the documented site with a test's own paths and ports."""
    site = (ROOT / "deploy" / "nginx.conf").read_text()
    for pattern, replacement in (
        (r"127\.0\.0\.1:8000", upstream),
        (r"/var/lib/nginx/likes-api", str(directory / "cache")),
        (r"listen 80;", f"listen 127.0.0.1:{nginx.redirect_port};"),
        (
            r"listen 443 ssl http2;",
            f"listen {_HOST}:{nginx.tls_port} ssl http2; listen {_HOST}:{nginx.plain_port};",
        ),
        (r"/etc/ssl/certs/\S+\.pem", str(nginx.certificate)),
        (r"/etc/ssl/private/\S+\.key", str(nginx.certificate.with_suffix(".key"))),
    ):
        site, count = re.subn(pattern, replacement, site)
        assert count == 1, pattern
    return site


def _certificate(directory: Path) -> Path:
    certificate = directory / "certificate.pem"
    key = str(certificate.with_suffix(".key"))
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", *curve, "-nodes", "-days", "1", *names, "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    return certificate
