"""Settings for tests: the defaults, but for what a test names."""

from config.settings import Settings

# Without a comma, which would make it two.
NEXTAUTH_SECRET = "a secret of the host application of tests"
SECRET_KEY = "a secret of this application for tests"


def settings(**environment: str) -> Settings:
    """Make settings from variables, ``LIKES_`` left out: ``settings(QA_ID_FIELD="id")``."""
    return Settings.from_environment(
        {
            "LIKES_SECRET_KEY": SECRET_KEY,
            "LIKES_NEXTAUTH_SECRET": NEXTAUTH_SECRET,
            "LIKES_RATELIMIT_ENABLED": "false",
        }
        | {f"LIKES_{name}": value for name, value in environment.items()}
    )
