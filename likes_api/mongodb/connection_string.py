"""Connection strings as operators write them: what is wrong with one, what it names, and which options are ours.

No server and no name server is asked. Messages hold no part of the string but names of options.

PyMongo is imported where it is used: gunicorn's master imports this module, and gevent has to patch a worker before
PyMongo is there (``docs/decisions/0017``).
"""

import re
import warnings
from urllib.parse import unquote

# What our answers rest on: from whom is read, and when a write counts. Connection strings are copied from elsewhere,
# where other values are right; here they lose. Codecs too: what a date or an odd string reads as.
OURS = {
    "readpreference": "primary",
    "readpreferencetags": None,
    "maxstalenessseconds": None,
    "readconcernlevel": None,
    "w": "majority",
    "wtimeout": None,
    "wtimeoutms": None,
    "j": "true",
    "journal": "true",
    "fsync": None,
    "retrywrites": "true",
    "retryreads": "true",
    "tz_aware": None,
    "tzinfo": None,
    "document_class": None,
    "datetime_conversion": None,
    "unicode_decode_error_handler": None,
    "uuidrepresentation": None,
}
# An option may be another driver's, and without compression all works.
_HARMLESS = ("Unknown option", "Unsupported compressor", "Wire protocol compression")
# To these a user is known, or a server keeps its own affairs in them; transactions do not work there.
RESERVED_DATABASES = ("admin", "config", "local")


def with_our_options(uri: str) -> str:
    """Return the connection string without the options that are ours to set."""
    head, mark, query = uri.partition("?")
    left = [option for option in _options(query) if _name(option) not in OURS]
    return head + (mark + "&".join(left) if left else "")


def overridden(uri: str) -> list[str]:
    """Return the names of the options that have other values than those that are used."""
    pairs = [option.partition("=") for option in _options(uri.partition("?")[2])]
    return sorted({name for name, _, value in pairs if name.lower() in OURS and value.lower() != OURS[name.lower()]})


def database_of(uri: str) -> str | None:
    """Return the database that a connection string names; ``admin`` is where users are known, and names none."""
    name = unquote(re.sub(r"^[^:]+://", "", uri).partition("?")[0].rpartition("@")[2].partition("/")[2])
    return name if name not in ("", "admin") else None


def fault_of(uri: str) -> str | None:
    """Return what the driver does not take of a connection string; ``None`` where it takes all."""
    from pymongo.common import URI_OPTIONS_VALIDATOR_MAP

    failure = _failure(uri)
    if failure is None:
        return None
    head, _, query = uri.partition("?")
    options = _options(query)
    # An option by itself, or two that contradict each other: without it, or one of them, the rest is taken.
    names = {_name(each) for each in options if _failure(f"{head}?{'&'.join(o for o in options if o != each)}") is None}
    # What is no option's name may be a part of a password that is badly encoded.
    known = sorted(names.intersection(URI_OPTIONS_VALIDATOR_MAP))
    return f"PyMongo refuses {', '.join(known) or 'it'} ({failure})."


def _failure(uri: str) -> str | None:
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    try:
        with warnings.catch_warnings(record=True, action="always") as warned:
            MongoClient(with_our_options(uri), connect=False).close()
    except (PyMongoError, ValueError, TypeError, OSError, ImportError) as error:
        return type(error).__name__
    # A value that it does not understand it would leave out.
    left_out = any(not str(each.message).startswith(_HARMLESS) for each in warned)
    return "a value that it does not understand" if left_out else None


def _options(query: str) -> list[str]:
    return [option for option in re.split("[&;]", query) if option]


def _name(option: str) -> str:
    return option.partition("=")[0].lower()
