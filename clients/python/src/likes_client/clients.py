"""The two clients. Both send the calls of ``votes`` and ``admin``; they differ in how they wait."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import wraps
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, cast

import httpx

from likes_client import admin, votes
from likes_client.calls import Call, Flow, Pages
from likes_client.credentials import Credential
from likes_client.errors import LikesError, NoAnswer, error_of
from likes_client.retries import Retries

P = ParamSpec("P")
T = TypeVar("T")
Http = TypeVar("Http", bound=httpx.Client | httpx.AsyncClient)

# The service answers within 3.5 s; an import and an export stream for as long as they need, and this is for each read.
TIMEOUT_SECONDS = 10.0
_DEFAULT_RETRIES = Retries()


class _Base(Generic[Http]):
    """What both have: where the service is, who asks, and what becomes of an answer."""

    def __init__(self, http: Http, credential: Credential | None, retries: Retries) -> None:
        self._http: Http = http
        self._credential = credential
        self._retries = retries

    def as_(self, credential: Credential | None) -> Self:
        """Return a client for another caller, on the same connections; close one of them, and both are closed."""
        other = object.__new__(type(self))
        _Base.__init__(other, self._http, credential, self._retries)
        return other

    def _request(self, call: Call[Any]) -> httpx.Request:
        headers = {**(self._credential.headers() if self._credential else {}), **call.headers}
        return self._http.build_request(
            call.method,
            call.path,
            params=dict(call.parameters) or None,
            json=call.json,
            content=call.content,
            headers=[(name.encode(), value.encode()) for name, value in headers.items()],
        )

    def _result(self, call: Call[T], response: httpx.Response, *, maybe_applied: bool) -> T:
        """Return what an answer says.

        :param maybe_applied: whether an earlier attempt may have been.
        :raises ApiError: it refuses.
        """
        done = maybe_applied and response.status_code == call.done_when_repeated
        if response.is_success or done:
            return call.read(response)
        raise error_of(response)


def _no_cookies() -> CookieJar:
    """Return a jar that keeps none: the connections are shared by callers, a cookie would be another's."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


def _once(call: Callable[P, Call[T]]) -> Callable[Concatenate["Client", P], T]:
    @wraps(call)
    def method(client: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return client.send(call(*args, **kwargs))

    return method


def _all(flow: Callable[P, Flow[T]]) -> Callable[Concatenate["Client", P], T]:
    @wraps(flow)
    def method(client: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        steps, answer = flow(*args, **kwargs), None
        try:
            while True:
                answer = client.send(steps.send(answer))
        except StopIteration as end:
            return cast(T, end.value)

    return method


def _each(pages: Callable[P, Pages[T]]) -> Callable[Concatenate["Client", P], Iterator[T]]:
    @wraps(pages)
    def method(client: "Client", /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        following: Pages[T] | None = pages(*args, **kwargs)
        while following is not None:
            items, following = client.send(following)
            yield from items

    return method


class Client(_Base[httpx.Client]):
    """The client, for threads; a context manager.

    :param base_url: where the service is, with the path below which it stands.
    :param credential: who asks; nobody, if ``None``.
    :param timeout: seconds for each connection, and for each read and write on it.
    :param transport: httpx's, for a WSGI application or a proxy.

    Every method raises :class:`~likes_client.errors.LikesError`.
    """

    def __init__(
        self,
        base_url: str,
        credential: Credential | None = None,
        *,
        retries: Retries = _DEFAULT_RETRIES,
        timeout: float = TIMEOUT_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        http = httpx.Client(base_url=base_url, timeout=timeout, transport=transport, cookies=_no_cookies())
        super().__init__(http, credential, retries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """Send a call, again where that is safe and may help."""
        request, sent, maybe_applied = self._request(call), 0, False
        while True:
            sent += 1
            try:
                return self._result(call, self._answer(request), maybe_applied=maybe_applied)
            except LikesError as error:
                maybe_applied = maybe_applied or error.maybe_applied
                if (wait := self._retries.wait(error, call, sent)) is None:
                    raise
            time.sleep(wait)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        try:
            return self._http.send(request)
        except httpx.TransportError as error:
            raise NoAnswer(error) from error

    set_vote = _once(votes.set_vote)
    clear_vote = _once(votes.clear_vote)
    get_vote = _once(votes.get_vote)
    status = _once(votes.status)
    counts = _once(votes.counts)
    voters = _each(votes.voters)
    voters_page = _once(votes.voters_page)
    my_votes = _each(votes.my_votes)
    my_votes_page = _once(votes.my_votes_page)
    me = _once(votes.me)
    toggle_vote = _once(votes.toggle_vote)
    like = _once(votes.like)
    unlike = _once(votes.unlike)
    likes = _each(votes.likes)

    put_target = _once(admin.put_target)
    patch_target = _once(admin.patch_target)
    get_target = _once(admin.get_target)
    delete_target = _once(admin.delete_target)
    put_person = _once(admin.put_person)
    get_person = _once(admin.get_person)
    delete_person = _all(admin.delete_person)
    put_user = _once(admin.put_user)
    get_user = _once(admin.get_user)
    delete_user = _once(admin.delete_user)
    create_session = _once(admin.create_session)
    create_token = _once(admin.create_token)
    import_lines = _all(admin.import_lines)
    audit = _each(admin.audit)
    export_voter = _once(admin.export_voter)
    erase_voter = _all(admin.erase_voter)
    merge_voter = _all(admin.merge_voter)


def _async_once(call: Callable[P, Call[T]]) -> Callable[Concatenate["AsyncClient", P], Awaitable[T]]:
    @wraps(call)
    async def method(client: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await client.send(call(*args, **kwargs))

    return method


def _async_all(flow: Callable[P, Flow[T]]) -> Callable[Concatenate["AsyncClient", P], Awaitable[T]]:
    @wraps(flow)
    async def method(client: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
        steps, answer = flow(*args, **kwargs), None
        try:
            while True:
                answer = await client.send(steps.send(answer))
        except StopIteration as end:
            return cast(T, end.value)

    return method


def _async_each(pages: Callable[P, Pages[T]]) -> Callable[Concatenate["AsyncClient", P], AsyncIterator[T]]:
    @wraps(pages)
    async def method(client: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        following: Pages[T] | None = pages(*args, **kwargs)
        while following is not None:
            items, following = await client.send(following)
            for item in items:
                yield item

    return method


class AsyncClient(_Base[httpx.AsyncClient]):
    """The client, for asyncio; an asynchronous context manager. Everything else is as in :class:`Client`."""

    def __init__(
        self,
        base_url: str,
        credential: Credential | None = None,
        *,
        retries: Retries = _DEFAULT_RETRIES,
        timeout: float = TIMEOUT_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        http = httpx.AsyncClient(base_url=base_url, timeout=timeout, transport=transport, cookies=_no_cookies())
        super().__init__(http, credential, retries)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """Send a call, again where that is safe and may help."""
        request, sent, maybe_applied = self._request(call), 0, False
        while True:
            sent += 1
            try:
                return self._result(call, await self._answer(request), maybe_applied=maybe_applied)
            except LikesError as error:
                maybe_applied = maybe_applied or error.maybe_applied
                if (wait := self._retries.wait(error, call, sent)) is None:
                    raise
            await asyncio.sleep(wait)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._http.send(request)
        except httpx.TransportError as error:
            raise NoAnswer(error) from error

    set_vote = _async_once(votes.set_vote)
    clear_vote = _async_once(votes.clear_vote)
    get_vote = _async_once(votes.get_vote)
    status = _async_once(votes.status)
    counts = _async_once(votes.counts)
    voters = _async_each(votes.voters)
    voters_page = _async_once(votes.voters_page)
    my_votes = _async_each(votes.my_votes)
    my_votes_page = _async_once(votes.my_votes_page)
    me = _async_once(votes.me)
    toggle_vote = _async_once(votes.toggle_vote)
    like = _async_once(votes.like)
    unlike = _async_once(votes.unlike)
    likes = _async_each(votes.likes)

    put_target = _async_once(admin.put_target)
    patch_target = _async_once(admin.patch_target)
    get_target = _async_once(admin.get_target)
    delete_target = _async_once(admin.delete_target)
    put_person = _async_once(admin.put_person)
    get_person = _async_once(admin.get_person)
    delete_person = _async_all(admin.delete_person)
    put_user = _async_once(admin.put_user)
    get_user = _async_once(admin.get_user)
    delete_user = _async_once(admin.delete_user)
    create_session = _async_once(admin.create_session)
    create_token = _async_once(admin.create_token)
    import_lines = _async_all(admin.import_lines)
    audit = _async_each(admin.audit)
    export_voter = _async_once(admin.export_voter)
    erase_voter = _async_all(admin.erase_voter)
    merge_voter = _async_all(admin.merge_voter)
