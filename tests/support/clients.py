"""The clients in one form: each method by its Python name, called from a test, and its result as a value."""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import cache
from inspect import isawaitable
from pathlib import Path
from typing import Any

import httpx
import likes_client
from likes_client import AsyncClient, BearerToken, Client, Credential, NoAnswer, Retries, ServiceToken, Target

from harness.server import ROOT

TYPESCRIPT = ROOT / "clients" / "typescript"
PERFORM = Path(__file__).parents[1] / "clients" / "perform.mjs"
QUICK = Retries(times=3, first_seconds=0.001)
Call = Callable[..., Any]


class Caller:
    """A client of any kind; a list is the whole list.

    :param call: sends one call: URL, credential, the method's name, its arguments.
    """

    def __init__(self, call: Call, url: str, credential: Credential | None) -> None:
        self._call = call
        self._url = url
        self._credential = credential

    def as_(self, credential: Credential | None) -> "Caller":
        return Caller(self._call, self._url, credential)

    def __getattr__(self, method: str) -> Call:
        return lambda *arguments, **options: self._call(self._url, self._credential, method, *arguments, **options)


def sync_call(url: str, credential: Credential | None, method: str, *arguments: Any, **options: Any) -> Any:
    # Reading the certificates of the system takes longer than a call.
    with Client(url, credential, retries=QUICK, transport=httpx.HTTPTransport(verify=False)) as client:
        result = getattr(client, method)(*arguments, **options)
        return list(result) if isinstance(result, Iterator) else result


def async_call(url: str, credential: Credential | None, method: str, *arguments: Any, **options: Any) -> Any:
    async def run() -> Any:
        transport = httpx.AsyncHTTPTransport(verify=False)
        async with AsyncClient(url, credential, retries=QUICK, transport=transport) as client:
            result = getattr(client, method)(*arguments, **options)
            if isawaitable(result):
                return await result
            assert isinstance(result, AsyncIterator)
            return [each async for each in result]

    return asyncio.run(run())


@cache
def built() -> Path:
    """Compile the TypeScript client where it is older than its source, once for all processes; return its folder."""
    program = TYPESCRIPT / "dist" / "index.js"
    command = ["flock", TYPESCRIPT / "package.json", "make", "--silent", program.relative_to(ROOT)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=300)
    return program.parent


class Node:
    """The TypeScript client in a Node of its own."""

    def __init__(self) -> None:
        command = ["node", PERFORM, built() / "index.js"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self) -> None:
        self._process.communicate(timeout=60)

    def __call__(self, url: str, credential: Credential | None, method: str, *arguments: Any, **options: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order(url, credential, method, *arguments, **options)) + "\n")
        self._process.stdin.flush()
        return result(json.loads(self._process.stdout.readline()))


def order(url: str, credential: Credential | None, method: str, *arguments: Any, **options: Any) -> dict[str, Any]:
    """Return what ``perform.mjs`` is to do, as JSON."""
    if method.startswith("my_votes"):
        names = ("type", "vote")
        options = dict(zip(names, arguments, strict=False)) | options
        arguments = ()
    if method.startswith("voters") and len(arguments) == 1:
        arguments = (*arguments, "up")
    if method in {"status", "counts", "import_lines"}:
        arguments = (list(arguments[0]),)
    retries = {"times": QUICK.times, "firstSeconds": QUICK.first_seconds}
    given = [_given(each) for each in arguments]
    return {
        "url": url,
        "options": {"retries": retries},
        "credential": _credential(credential),
        "method": _camel(method),
        "arguments": [*given, {_camel(name): each for name, each in options.items()}] if options else given,
    }


def result(answer: Mapping[str, Any]) -> Any:
    """Return the result of a call, or raise its error, as the Python client has them."""
    if "error" not in answer:
        value = answer.get("value")
        if isinstance(value, dict) and all(":" in name for name in value):
            return {Target(*name.split(":", 1)): each for name, each in value.items()}
        return value
    error = answer["error"]
    if error["name"] == "NoAnswer":
        kind = httpx.ReadError if error["maybeApplied"] else httpx.ConnectError
        raise NoAnswer(kind(error["message"]))
    seconds = error.get("retryAfter")
    headers = {"X-Request-ID": error.get("requestId"), "Retry-After": None if seconds is None else round(seconds)}
    raise getattr(likes_client, error["name"])(
        error["status"],
        error["message"],
        code=error["code"],
        headers={name: str(value) for name, value in headers.items() if value is not None},
    )


def _given(value: Any) -> Any:
    if isinstance(value, tuple):
        return dict(zip(("type", "id"), value, strict=True))
    if isinstance(value, bytes):
        return value.decode()
    return [_given(each) for each in value] if isinstance(value, list) else value


def _credential(credential: Credential | None) -> list[Any] | None:
    if credential is None:
        return None
    if isinstance(credential, ServiceToken):
        return ["serviceToken", credential.token, credential.on_behalf_of]
    kind = "bearerToken" if isinstance(credential, BearerToken) else "sessionCookie"
    return [kind, credential.token if isinstance(credential, BearerToken) else credential.cookie]


def _camel(name: str) -> str:
    return re.sub("_(.)", lambda match: match[1].upper(), name)
