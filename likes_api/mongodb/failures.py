"""Describe a failure of the database for logs and metrics: by its names, never by its message.

A message may hold values of documents (MongoDB's of a duplicate key does), host names or a user's name.
"""

from typing import Any

from pymongo.errors import BulkWriteError, OperationFailure


def name_of(error: BaseException) -> str:
    """Return the server's word for a failure (``Unauthorized``), or the class of the driver's exception."""
    return str(_details(error).get("codeName") or type(error).__name__)


def facts(error: BaseException) -> dict[str, Any]:
    """Return fields for a log line: the exception's class and, where the server answered, its code and name for it."""
    fields: dict[str, Any] = {"failure": type(error).__name__}
    details = _details(error)
    if code_name := details.get("codeName"):
        fields["code_name"] = code_name
    code = error.code if isinstance(error, OperationFailure) else None
    if isinstance(error, BulkWriteError):
        code = next((each.get("code") for each in details.get("writeErrors", ())), code)
    if code is not None:
        fields["code"] = code
    return fields


def _details(error: BaseException) -> dict[str, Any]:
    return dict(error.details or {}) if isinstance(error, OperationFailure) else {}
