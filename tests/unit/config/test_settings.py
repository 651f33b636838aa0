"""Settings: every default, every fault at once, by name and never by value."""

import re
from ipaddress import ip_network
from pathlib import Path

import pytest

from config.settings import FILE, IN_FILES, Limits, Settings, SettingsError, _SettingsSchema
from likes_api.mongodb.connection_string import RESERVED_DATABASES

ROOT = Path(__file__).parents[3]
SECRET = "s" * 32
EXAMPLE = (ROOT / "config" / "example.env").read_text(encoding="utf-8")


def load(**environment: str) -> Settings:
    return Settings.from_environment(environment)


def faults(environment: dict[str, str], *, database_required: bool = False) -> dict[str, str]:
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environment(environment, database_required=database_required)
    return dict(line.split(": ", 1) for line in str(refusal.value).splitlines())


def test_settings_are_the_documented_defaults_when_nothing_is_set() -> None:
    assert load() == Settings(
        mongodb_uri=None,
        mongodb_database="likes",
        collection_prefix="likes_",
        mongod=None,
        data_dir=Path("var").absolute(),
        bind="127.0.0.1:8000",
        workers=2,
        secret_keys=(),
        nextauth_secrets=(),
        nextauth_cookie=None,
        nextauth_user_claims=("id", "sub"),
        jwt_issuers=(),
        guest_likes=False,
        voters="nobody",
        entries_from=None,
        trusted_proxies=0,
        cors_origins=(),
        cross_site_cookies=False,
        qa_id_field="_id",
        overflow_at=1_000,
        qa_overflow_at=0,
        audit_days=400,
        ratelimit_enabled=True,
        ratelimit_storage_uri=None,
        limits=Limits(
            toggle_address="60/minute",
            toggle_burst="10 per 10 seconds",
            toggle_user="30/minute",
            toggle_entry="10/minute",
            status="300/minute",
            qa_vote="120/minute",
            vote="120/minute",
        ),
        metrics_allow=(ip_network("127.0.0.0/8"), ip_network("::1/128")),
        trusted_hosts=(),
        log_format="auto",
        demo=False,
    )


# -- Each setting is declared once, and documented

# `likes-api run --demo` sets that one, not an operator.
DECLARED = {str(field.data_key) for field in _SettingsSchema().fields.values()} - {"LIKES_DEMO"}


def test_example_file_spells_the_defaults_of_all_settings() -> None:
    lines = [line.split("=", 1) for line in EXAMPLE.splitlines() if "=" in line and not line.startswith("# ")]
    written = {name: value for name, value in lines if not name.startswith("#")}
    named = [name.lstrip("#") for name, _ in lines if not name.endswith(FILE)]
    assert Settings.from_environment(written) == load()
    assert sorted(named) == sorted(DECLARED)
    assert {name.lstrip("#") for name, _ in lines} - set(named) == {name + FILE for name in IN_FILES}


def test_readme_has_a_row_for_each_setting_and_for_no_other_variable() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.partition("| variable | default | |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert sorted(name for row in rows for name in re.findall(r"`(\w+)`", row)) == sorted(DECLARED)


def test_readme_tells_the_defaults_of_the_settings() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    values = dict(line.split("=", 1) for line in EXAMPLE.splitlines() if "=" in line and not line.startswith("#"))
    rows = dict(re.findall(r"^\| `(\w+)` \| `?([^|`]+)`? \|", readme, re.MULTILINE))
    told = {name: rows[name] for name in values if name in rows and name != "LIKES_METRICS_ALLOW"}
    assert told == {name: values[name] for name in told}
    assert len(told) > 15


def test_readme_names_every_setting_of_an_operator() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    from_code = set(re.findall(r'data_key="(\w+)"', (ROOT / "config" / "settings.py").read_text(encoding="utf-8")))
    assert {name for name in from_code if f"`{name}`" not in readme} == {"LIKES_DEMO"}


def test_settings_are_as_given_when_all_are_set() -> None:
    given = load(
        LIKES_MONGODB_URI="mongodb+srv://user:secret@db.example/?replicaSet=rs0",
        LIKES_MONGODB_DATABASE="votes-2",
        LIKES_MONGOD="/opt/mongod",
        LIKES_DATA_DIR="/srv/likes",
        LIKES_BIND="unix:/run/likes.sock",
        WEB_CONCURRENCY="4",
        LIKES_SECRET_KEY=f"{SECRET}, {'t' * 40}",
        LIKES_NEXTAUTH_SECRET="new,old",
        LIKES_NEXTAUTH_COOKIE="__Host-session",
        LIKES_NEXTAUTH_USER_CLAIMS="userId , sub,",
        LIKES_GUEST_LIKES="true",
        LIKES_TRUSTED_PROXIES="2",
        LIKES_CORS_ORIGINS="https://www.example.com,http://localhost:3000",
        LIKES_QA_ID_FIELD="id",
        LIKES_OVERFLOW_AT="0",
        LIKES_RATELIMIT_ENABLED="false",
        LIKES_RATELIMIT_STORAGE_URI="redis://cache",
        LIKES_LIMIT_QA_VOTE="5 per 10 seconds;100/hour",
    )
    assert given.mongodb_uri == "mongodb+srv://user:secret@db.example/?replicaSet=rs0"
    assert (given.mongodb_database, given.qa_id_field, given.overflow_at) == ("votes-2", "id", 0)
    assert (given.mongod, given.data_dir) == (Path("/opt/mongod"), Path("/srv/likes"))
    assert (given.bind, given.workers) == ("unix:/run/likes.sock", 4)
    assert given.secret_keys == (SECRET, "t" * 40)
    assert given.nextauth_secrets == ("new", "old")
    assert (given.nextauth_cookie, given.nextauth_user_claims) == ("__Host-session", ("userId", "sub"))
    assert (given.guest_likes, given.trusted_proxies, given.ratelimit_enabled) == (True, 2, False)
    assert given.cors_origins == ("https://www.example.com", "http://localhost:3000")
    assert (given.ratelimit_storage_uri, given.limits.qa_vote) == ("redis://cache", "5 per 10 seconds;100/hour")


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://WWW.Example.com:443", "https://www.example.com"),
        ("http://www.example.com:80", "http://www.example.com"),
        ("http://www.example.com:443", "http://www.example.com:443"),
        ("https://m\u00fcnchen.de", "https://xn--mnchen-3ya.de"),
        ("https://M\u00dcNCHEN.de:8443", "https://xn--mnchen-3ya.de:8443"),
        ("https://stra\u00dfe.example", "https://xn--strae-oqa.example"),
        ("https://xn--mnchen-3ya.de", "https://xn--mnchen-3ya.de"),
        ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
        ("https://[2001:DB8::1]", "https://[2001:db8::1]"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://my_host:3000", "http://my_host:3000"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("ionic://localhost", "ionic://localhost"),
        ("tauri://localhost", "tauri://localhost"),
        ("chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb", "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb"),
    ],
)
def test_origin_is_kept_as_browsers_send_it(written: str, sent: str) -> None:
    assert load(LIKES_CORS_ORIGINS=f"https://first.example, {written}").cors_origins == ("https://first.example", sent)


def test_variable_counts_as_unset_when_it_is_empty_or_blank() -> None:
    assert load(LIKES_MONGODB_URI="", WEB_CONCURRENCY=" ", LIKES_CORS_ORIGINS="", LIKES_GUEST_LIKES="") == load()


def test_variables_of_others_are_left_alone() -> None:
    assert load(LIKES_UNKNOWN="x", PATH="/bin", GUNICORN_CMD_ARGS="--x") == load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIKES_MONGODB_URI", "localhost:27017"),
        ("LIKES_MONGODB_URI", "http://localhost"),
        ("LIKES_MONGODB_URI", "mongodb://?x=1"),
        ("LIKES_MONGODB_URI", "mongodb:///likes"),
        ("LIKES_MONGODB_URI", "mongodb://user:pa@ss@db.example"),
        ("LIKES_MONGODB_URI", "mongodb://user:pa/ss@db.example"),
        ("LIKES_MONGODB_URI", "mongodb://db.example:port1"),
        ("LIKES_MONGODB_URI", "mongodb://a,,b"),
        ("LIKES_MONGODB_URI", "mongodb://user:tell%nobody@db"),
        ("LIKES_MONGODB_URI", "mongodb+srv://user:p:ss@cluster.example.net/"),
        ("LIKES_MONGODB_URI", "mongodb://a,b/?directConnection=true"),
        ("LIKES_MONGODB_URI", "mongodb://db/?maxPoolSize=many"),
        ("LIKES_MONGODB_URI", "mongodb://db/?tls=true&tlsCAFile=/tell/nobody"),
        ("LIKES_MONGODB_URI", "mongodb://db/config"),
        ("LIKES_MONGODB_URI", "mongodb://db/tell.nobody"),
        ("LIKES_QA_ID_FIELD", "likedBy"),
        ("LIKES_SECRET_KEY", ",,"),
        ("LIKES_NEXTAUTH_USER_CLAIMS", " , "),
        ("LIKES_RATELIMIT_STORAGE_URI", "mongodb://db/?tls=yes&tlsInsecure=maybe"),
        ("LIKES_MONGODB_DATABASE", "a/b"),
        ("LIKES_MONGODB_DATABASE", "a.b"),
        ("LIKES_MONGODB_DATABASE", "x" * 64),
        ("LIKES_MONGODB_DATABASE", "likes\n"),
        ("LIKES_BIND", "8000"),
        ("LIKES_BIND", "localhost"),
        ("LIKES_BIND", "likes:web"),
        ("LIKES_BIND", "127.0.0.1:65536"),
        ("WEB_CONCURRENCY", "0"),
        ("WEB_CONCURRENCY", "two"),
        ("WEB_CONCURRENCY", "-1"),
        ("WEB_CONCURRENCY", "1.5"),
        ("WEB_CONCURRENCY", "257"),
        ("LIKES_SECRET_KEY", "brief"),
        ("LIKES_SECRET_KEY", f"{SECRET},brief"),
        ("LIKES_NEXTAUTH_COOKIE", "a b"),
        ("LIKES_NEXTAUTH_COOKIE", "a;b"),
        ("LIKES_NEXTAUTH_COOKIE", "a=b"),
        ("LIKES_GUEST_LIKES", "perhaps"),
        ("LIKES_ENTRIES_FROM", "posts-("),
        ("LIKES_ENTRIES_FROM", "a{99999999999999999999}"),
        ("LIKES_TRUSTED_PROXIES", "-1"),
        ("LIKES_TRUSTED_PROXIES", "all"),
        ("LIKES_CORS_ORIGINS", "*"),
        ("LIKES_CORS_ORIGINS", "www.example.com"),
        ("LIKES_CORS_ORIGINS", "https://www.example.com/"),
        ("LIKES_CORS_ORIGINS", "https://www.example.com/path"),
        ("LIKES_CORS_ORIGINS", "https://a.example,ftp://b.example"),
        ("LIKES_CORS_ORIGINS", "https://"),
        ("LIKES_CORS_ORIGINS", "null"),
        ("LIKES_CORS_ORIGINS", "https://*.example.com"),
        ("LIKES_CORS_ORIGINS", "https://*"),
        ("LIKES_CORS_ORIGINS", "https://user@www.example.com"),
        ("LIKES_CORS_ORIGINS", "https://user:word@www.example.com"),
        ("LIKES_CORS_ORIGINS", "https://www.example.com:99999"),
        ("LIKES_CORS_ORIGINS", "https://www.example.com:0"),
        ("LIKES_CORS_ORIGINS", "https://www.example.com:"),
        ("LIKES_CORS_ORIGINS", "https://www.example.com:port"),
        ("LIKES_CORS_ORIGINS", "https://[::1"),
        ("LIKES_CORS_ORIGINS", "https://::1"),
        ("LIKES_CORS_ORIGINS", "https://[::g]"),
        ("LIKES_CORS_ORIGINS", "https://[1.2.3.4]"),
        ("LIKES_CORS_ORIGINS", "https://1.2.3"),
        ("LIKES_CORS_ORIGINS", "https://256.1.1.1"),
        ("LIKES_CORS_ORIGINS", "https://a..example"),
        ("LIKES_CORS_ORIGINS", "https://a b.example"),
        ("LIKES_CORS_ORIGINS", "https://" + "a" * 254),
        ("LIKES_CORS_ORIGINS", "https://m\u00fcn\u00adchen..de"),
        ("LIKES_CORS_ORIGINS", "https://www.example.com?x"),
        ("LIKES_CORS_ORIGINS", "htps://www.example.com"),
        ("LIKES_CORS_ORIGINS", "file://www.example.com"),
        ("LIKES_CROSS_SITE_COOKIES", "where"),
        ("LIKES_QA_ID_FIELD", "$where"),
        ("LIKES_QA_ID_FIELD", "a.b"),
        ("LIKES_QA_ID_FIELD", "id\n"),
        ("LIKES_RATELIMIT_ENABLED", "sometimes"),
        ("LIKES_RATELIMIT_STORAGE_URI", "file:///tmp/limits"),
        ("LIKES_RATELIMIT_STORAGE_URI", "cache.example"),
        ("LIKES_LOG_FORMAT", "xml"),
        ("LIKES_LIMIT_QA_VOTE", "many"),
        ("LIKES_LIMIT_STATUS", "10/fortnight"),
    ],
)
def test_setting_is_refused_by_name_and_not_by_value_when_it_is_bad(name: str, value: str) -> None:
    others = {"LIKES_SECRET_KEY": SECRET} if name == "LIKES_MONGODB_URI" else {}
    found = faults(others | {name: value})
    assert list(found) == [name]
    assert found[name].endswith(".")
    assert value not in found[name]


def test_all_faults_are_told_at_once_when_several_settings_are_bad() -> None:
    bad = {"WEB_CONCURRENCY": "x", "LIKES_BIND": "y", "LIKES_CORS_ORIGINS": "z", "LIKES_MONGODB_URI": "w"}
    assert list(faults(bad)) == sorted([*bad, "LIKES_SECRET_KEY"])


def test_secret_key_is_required_when_the_database_is_the_operators() -> None:
    assert list(faults({"LIKES_MONGODB_URI": "mongodb://db"})) == ["LIKES_SECRET_KEY"]


def test_database_is_required_when_there_is_nothing_to_bring_one() -> None:
    assert list(faults({}, database_required=True)) == ["LIKES_MONGODB_URI"]


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://localhost",
        "mongodb://db:27017/",
        "mongodb://a:1,b:2,[::1]:3/?replicaSet=rs0",
        "mongodb://user:p%40ss@db/likes?authSource=admin",
        "mongodb+srv://user:p%3Ass@cluster.example.net/?w=majority",
        "mongodb://%2Ftmp%2Fmongod.sock/?directConnection=true",
    ],
)
def test_uri_is_accepted_when_the_driver_could_read_it(uri: str) -> None:
    assert load(LIKES_MONGODB_URI=uri, LIKES_SECRET_KEY=SECRET).mongodb_uri == uri


@pytest.mark.parametrize(
    ("path", "variable", "database"),
    [
        ("", None, "likes"),
        ("/", None, "likes"),
        ("/votes", None, "votes"),
        ("/votes?replicaSet=rs0", None, "votes"),
        ("/?replicaSet=rs0", None, "likes"),
        ("/admin", None, "likes"),  # where users are known
        ("/votes", "mine", "mine"),
    ],
)
def test_database_is_the_one_that_the_uri_names_unless_the_setting_does(
    path: str, variable: str | None, database: str
) -> None:
    given = {"LIKES_MONGODB_URI": f"mongodb://user:p%40ss@db{path}", "LIKES_SECRET_KEY": SECRET}
    if variable is not None:
        given["LIKES_MONGODB_DATABASE"] = variable
    assert load(**given).mongodb_database == database


@pytest.mark.parametrize("name", RESERVED_DATABASES)
def test_database_is_refused_when_it_is_the_servers_own(name: str) -> None:
    assert list(faults({"LIKES_MONGODB_DATABASE": name})) == ["LIKES_MONGODB_DATABASE"]


@pytest.mark.parametrize("bind", ["127.0.0.1:8000", "localhost:80", ":8000", "[::1]:8000", "unix:var/likes.sock"])
def test_bind_is_a_host_and_port_or_a_socket(bind: str) -> None:
    assert load(LIKES_BIND=bind).bind == bind


def test_secret_is_long_enough_when_it_has_32_bytes_of_utf_8() -> None:
    assert load(LIKES_SECRET_KEY="é" * 16).secret_keys == ("é" * 16,)
