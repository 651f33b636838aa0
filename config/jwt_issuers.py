"""Read ``LIKES_JWT_ISSUERS``: whose JSON Web Tokens are valid here, and which keys verify them."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate

from likes_api.jose.key_set import ALGORITHMS, HMAC_BYTES, KeySet, parse_key_set
from likes_api.votes import GUEST_PREFIX

_SOURCES = ("jwks", "keys", "secret_env")
_MAX_PREFIX_LENGTH = 64


@dataclass(frozen=True, slots=True)
class JwtIssuer:
    """One issuer, as its tokens name it.

    :param audiences: tokens are valid for any of these; without any, for us whatever they say.
    :param jwks: the URL of its key set; without one ``keys`` never change.
    """

    issuer: str
    audiences: frozenset[str]
    algorithms: frozenset[str]
    jwks: str | None
    user_claim: str
    prefix: str
    keys: KeySet = field(repr=False)


def read_issuers(path: Path, environment: Mapping[str, str]) -> tuple[JwtIssuer, ...]:
    """Read the file and what it refers to.

    :param environment: where the secrets are that the file names.
    :raises ValueError: naming every fault, by the number of its issuer and its field, never by its value.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise ValueError("Cannot be read.") from None
    except (ValueError, RecursionError):
        raise ValueError("Not JSON.") from None
    if not isinstance(entries, list):
        raise ValueError("Not a list of issuers.")
    schema = _IssuerSchema(path.parent, environment)
    issuers, faults = [], []
    for number, entry in enumerate(entries, 1):
        try:
            issuers.append(schema.load(entry))
        except ValidationError as error:
            faults += [f"Issuer {number}: {fault}" for fault in _sentences(error)]
    names = [issuer.issuer for issuer in issuers]
    if len(set(names)) < len(names):
        faults.append("An issuer stands in it twice.")
    if faults:
        raise ValueError(" ".join(faults))
    return tuple(issuers)


def _sentences(error: ValidationError) -> list[str]:
    sentences: list[str] = []
    for name, messages in error.normalized_messages().items():
        texts = messages if isinstance(messages, list) else ["Malformed."]
        # A misspelled name is the operator's text, and shown; what stands under a name may be a secret, and is not.
        sentences += texts if name == "_schema" else [f"{name}: {' '.join(texts)}"]
    return sentences


class _Texts(fields.Field[frozenset[str]]):
    """A string, or a list of strings that holds one at least."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> frozenset[str]:
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not values or not all(isinstance(each, str) and each for each in values):
            raise ValidationError("Not a string or a list of strings.")
        return frozenset(values)


def _algorithms(values: Collection[str]) -> None:
    if not set(values) <= set(ALGORITHMS):
        raise ValidationError(f"Not among {', '.join(ALGORITHMS)}.")


def _url(value: str) -> None:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    bare = host and value.isascii() and value.isprintable() and " " not in value and "@" not in parts.netloc
    if not bare or not (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))):
        raise ValidationError("Not an https URL; http on the loopback is one, too.")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _prefix(value: str) -> None:
    if len(value) > _MAX_PREFIX_LENGTH or value.startswith(GUEST_PREFIX) or "\0" in value:
        raise ValidationError(
            f"Not a prefix; at most {_MAX_PREFIX_LENGTH} characters, and not {GUEST_PREFIX}, which guests have."
        )


class _IssuerSchema(Schema):
    class Meta:
        unknown = RAISE

    issuer = fields.String(required=True, validate=validate.Length(1, 1_024))
    audiences = _Texts(data_key="audience", load_default=frozenset())
    algorithms = _Texts(required=True, validate=_algorithms)
    jwks = fields.String(load_default=None, validate=_url)
    keys = fields.String(load_default=None, validate=validate.Length(1))
    secret_env = fields.String(load_default=None, validate=validate.Regexp(r"[A-Za-z_][A-Za-z0-9_]*\Z"))
    user_claim = fields.String(load_default="sub", validate=validate.Length(1))
    prefix = fields.String(load_default="", validate=_prefix)

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        super().__init__()
        self._directory = directory
        self._environment = environment

    @post_load
    def _issuer(self, given: dict[str, Any], **_: Any) -> JwtIssuer:
        sources = {name: given.pop(name) for name in _SOURCES}
        if sum(value is not None for value in sources.values()) != 1:
            raise ValidationError(f"Takes one of {', '.join(_SOURCES)}.")
        algorithms = given["algorithms"]
        if sources["secret_env"] is not None:
            keys = self._secret(sources["secret_env"], algorithms)
        elif sources["keys"] is not None:
            keys = self._file(sources["keys"], algorithms)
        else:
            keys = KeySet()
            if algorithms & HMAC_BYTES.keys():
                raise ValidationError("What is published is no secret, so jwks takes no HS algorithms.", "algorithms")
        return JwtIssuer(**given, jwks=sources["jwks"], keys=keys)

    def _secret(self, name: str, algorithms: frozenset[str]) -> KeySet:
        if not algorithms <= HMAC_BYTES.keys():
            raise ValidationError("A secret takes HS algorithms only.", "algorithms")
        secret = self._environment.get(name, "")
        shortest = max(HMAC_BYTES[algorithm] for algorithm in algorithms)
        if len(secret.encode(errors="replace")) < shortest:
            raise ValidationError(f"The variable it names is unset or shorter than {shortest} bytes.", "secret_env")
        try:
            return KeySet.of_secret(secret)
        except ValueError:
            raise ValidationError(
                "The variable it names holds a public key, which is no secret.", "secret_env"
            ) from None

    def _file(self, name: str, algorithms: frozenset[str]) -> KeySet:
        try:
            keys = parse_key_set((self._directory / name).read_bytes(), secrets=True)
        except OSError:
            raise ValidationError("The file cannot be read.", "keys") from None
        except ValueError:
            raise ValidationError("The file is not a JWK Set.", "keys") from None
        if not any(keys.candidates(algorithm, None) for algorithm in algorithms):
            raise ValidationError("The file has no key for these algorithms.", "keys")
        return keys
