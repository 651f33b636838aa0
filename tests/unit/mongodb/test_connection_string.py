"""Connection strings: what our answers rest on is ours to set, and what cannot work is named by options alone."""

import pytest
from pymongo import ReadPreference
from pymongo.read_concern import ReadConcern

from likes_api.mongodb.client import connect
from likes_api.mongodb.connection_string import OURS, fault_of, overridden, with_our_options

WEAK = {
    "readPreference": "secondaryPreferred",
    "readPreferenceTags": "dc:ny",
    "maxStalenessSeconds": "90",
    "readConcernLevel": "available",
    "w": "0",
    "wtimeoutMS": "1",
    "journal": "false",
    "retryWrites": "false",
    "retryReads": "false",
    "tz_aware": "false",
    "datetime_conversion": "datetime_ms",
    "unicode_decode_error_handler": "ignore",
    "uuidRepresentation": "javaLegacy",
}


@pytest.mark.parametrize("scheme", ["mongodb", "mongodb+srv"])
@pytest.mark.parametrize("separator", ["&", ";"])
def test_reads_are_the_primarys_and_writes_a_majoritys_when_the_uri_says_otherwise(scheme: str, separator: str) -> None:
    options = separator.join(f"{name}={value}" for name, value in WEAK.items())
    with connect(f"{scheme}://db.example.net/?{options}", connect=False) as client:
        assert client.read_preference == ReadPreference.PRIMARY
        assert client.read_concern == ReadConcern()
        assert client.write_concern.document == {"w": "majority", "j": True}
        assert (client.options.retry_writes, client.options.retry_reads) == (True, True)
        assert client.codec_options.tz_aware
        assert client.codec_options.unicode_decode_error_handler == "strict"


def test_other_options_of_the_uri_stay() -> None:
    uri = "mongodb://a:1,b:2/votes?replicaSet=rs0&w=1&maxPoolSize=7&READPREFERENCE=nearest&appName=mine"
    assert with_our_options(uri) == "mongodb://a:1,b:2/votes?replicaSet=rs0&maxPoolSize=7&appName=mine"
    with connect(uri, connect=False) as client:
        assert (client.options.replica_set_name, client.options.pool_options.max_pool_size) == ("rs0", 7)
        assert client.options.pool_options.appname == "mine"


def test_options_are_named_when_their_values_are_not_used() -> None:
    assert overridden("mongodb://db/?retryWrites=true&w=majority&journal=true&readPreference=primary") == []
    weak = "&".join(f"{name}={value}" for name, value in WEAK.items())
    assert overridden(f"mongodb://db/?{weak}&tls=true") == sorted(WEAK)
    assert {name.lower() for name in WEAK} <= set(OURS)


@pytest.mark.parametrize(
    ("uri", "fault"),
    [
        ("mongodb://a,b/?directConnection=true", "directconnection"),
        ("mongodb://h/?minPoolSize=10&maxPoolSize=5&tls=true", "maxpoolsize, minpoolsize"),
        (
            "mongodb://h/?tls=true&tlsInsecure=true&tlsAllowInvalidCertificates=true",
            "tlsallowinvalidcertificates, tlsinsecure",
        ),
        ("mongodb://h/?authMechanism=NOPE", "authmechanism"),
        ("mongodb://h/?timeoutMS=-1", "timeoutms"),
        ("mongodb+srv://cluster.example.net/?directConnection=true", "directconnection"),
        ("mongodb+srv://cluster.example.net:27017/", "it"),
        ("mongodb://user:hush%@h/", "it"),
        ("mongodb://user:hush?hush&hush=1@h/", "it"),
        ("mongodb://h/?hush", "it"),
    ],
)
def test_fault_names_options_and_no_value_when_the_driver_refuses(uri: str, fault: str) -> None:
    said = fault_of(uri)
    assert said is not None
    assert said.startswith(f"PyMongo refuses {fault} (")
    assert "hush" not in said


@pytest.mark.parametrize(
    "uri",
    ["mongodb://h", "mongodb+srv://cluster.example.net", "mongodb://h/?compressors=zstd", "mongodb://h/?other=driver"],
)
def test_connection_string_has_no_fault_when_it_can_work(uri: str) -> None:
    assert fault_of(uri) is None
