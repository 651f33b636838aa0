"""A client of the Likes API, synchronous and asynchronous."""

from likes_client.answers import Target
from likes_client.clients import AsyncClient, Client
from likes_client.credentials import BearerToken, Credential, ServiceToken, SessionCookie
from likes_client.errors import (
    ApiError,
    BadRequest,
    Conflict,
    Forbidden,
    Gone,
    LikesError,
    NoAnswer,
    NotFound,
    ServerFailed,
    ServiceUnavailable,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unprocessable,
)
from likes_client.retries import Retries

__all__ = [
    "ApiError",
    "AsyncClient",
    "BadRequest",
    "BearerToken",
    "Client",
    "Conflict",
    "Credential",
    "Forbidden",
    "Gone",
    "LikesError",
    "NoAnswer",
    "NotFound",
    "Retries",
    "ServerFailed",
    "ServiceToken",
    "ServiceUnavailable",
    "SessionCookie",
    "Target",
    "TooLarge",
    "TooManyRequests",
    "Unauthorized",
    "Unprocessable",
]
