"""Requests that schemathesis makes from ``docs/openapi.json``, sound and unsound, to a real gunicorn.

``FUZZ_EXAMPLES`` sets how many for each operation (``make fuzz``).
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, settings
from pymongo import MongoClient
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from harness.documents import all_faults
from harness.server import running_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Document
from tests.support.every_route import ADMIN_TOKEN, populate
from tests.support.qa_votes import session_of
from tests.support.settings import NEXTAUTH_SECRET

DATABASE = "test_interface_fuzz"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "20"))

# The longest line that gunicorn takes (config/gunicorn.conf.py), less the method and the version. It refuses others
# before any route.
LONGEST_URL = 8_100

schema = schemathesis.openapi.from_path(Path(__file__).parents[2] / "docs/openapi.json")


@schemathesis.serializer("application/x-ndjson")
def lines(_: schemathesis.SerializationContext, value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


@dataclass(frozen=True, slots=True)
class Service:
    url: str
    person_token: str
    csrf: dict[str, str]

    def headers(self, path: str) -> dict[str, str]:
        """Return the credential that a route accepts."""
        if path.startswith("/admin"):
            return {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        if path.startswith("/api/v1"):
            return {"Authorization": f"Bearer {self.person_token}"}
        cookie = f"{session_of('ada')}; {self.csrf['cookie']}"
        return {"Cookie": cookie, "X-CSRF-TOKEN": self.csrf["token"], "Origin": self.url}


@pytest.fixture(scope="module")
def service(mongod: EmbeddedMongod, client: MongoClient[Document]) -> Iterator[Service]:
    token = populate(client[DATABASE])
    environment = {
        "LIKES_MONGODB_URI": mongod.uri,
        "LIKES_MONGODB_DATABASE": DATABASE,
        "LIKES_NEXTAUTH_SECRET": NEXTAUTH_SECRET,
        "LIKES_RATELIMIT_ENABLED": "false",
        "LIKES_VOTERS": "everyone",
    }
    with running_server(environment) as url:
        answer = requests.get(f"{url}/!/simple-likes/csrf-token", timeout=60)
        [(name, value)] = answer.cookies.items()
        yield Service(url, token, {"token": answer.json()["csrf_token"], "cookie": f"{name}={value}"})
    assert all_faults(client[DATABASE]) == []
    client.drop_database(DATABASE)


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
    derandomize="FUZZ_EXAMPLES" not in os.environ,
)
def test_answer_is_as_documented_whatever_is_sent(case: schemathesis.Case, service: Service) -> None:
    # Of two tokens at once each would be refused.
    case.query.pop("access_token", None)
    prepared = case.as_transport_kwargs(base_url=service.url)
    assume(len(requests.Request(params=prepared["params"], url=prepared["url"]).prepare().url or "") < LONGEST_URL)
    case.call_and_validate(
        base_url=service.url,
        headers=service.headers(case.operation.path),
        timeout=60,
        # No schema says which targets, people and cursors there are; and what a request has besides is ignored.
        excluded_checks=[positive_data_acceptance, negative_data_rejection],
    )
