"""Settings of rate limits: what is refused at start."""

import pytest

from config.settings import Settings, SettingsError


@pytest.mark.parametrize("name", ["TOGGLE_ADDRESS", "TOGGLE_BURST", "TOGGLE_USER", "TOGGLE_ENTRY", "STATUS", "QA_VOTE"])
@pytest.mark.parametrize("value", ["many", "60", "60/fortnight", "0/minute", "60/minute;0/hour", "-1/minute"])
def test_limit_is_refused_by_name_and_not_by_value_when_it_is_none(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^LIKES_LIMIT_{name}: ") as refused:
        Settings.from_environment({f"LIKES_LIMIT_{name}": value})
    assert value not in str(refused.value).replace("60/minute", "")


@pytest.mark.parametrize("value", ["60/minute", "10 per 10 seconds", "1/hour;5/day"])
def test_limit_is_taken_in_flask_limiters_notation(value: str) -> None:
    assert Settings.from_environment({"LIKES_LIMIT_STATUS": value}).limits.status == value


@pytest.mark.parametrize("value", ["mongodb://localhost", "redis://localhost:6379/0", "redis+unix:///x.sock"])
def test_storage_is_taken_when_we_know_it(value: str) -> None:
    assert Settings.from_environment({"LIKES_RATELIMIT_STORAGE_URI": value}).ratelimit_storage_uri == value


@pytest.mark.parametrize(
    "value", ["localhost:6379", "memory://", "memcached://localhost", "async+redis://localhost", "file:///x", "x"]
)
def test_storage_is_refused_when_we_do_not(value: str) -> None:
    with pytest.raises(SettingsError, match=r"^LIKES_RATELIMIT_STORAGE_URI: Not a storage"):
        Settings.from_environment({"LIKES_RATELIMIT_STORAGE_URI": value})


def test_redis_is_refused_with_what_to_install_when_its_client_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.setting_fields.find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"likes-api\[redis\]"):
        Settings.from_environment({"LIKES_RATELIMIT_STORAGE_URI": "redis://localhost"})
