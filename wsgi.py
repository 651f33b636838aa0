"""What gunicorn serves: ``gunicorn -c config/gunicorn.conf.py wsgi:app``. Imported in each worker, after the fork."""

import logging.config

from config.logging import configuration
from config.settings import Settings
from likes_api.app import DATABASE, JWTS, MAINTENANCE, VOTER_JOBS, create_app
from likes_api.mongodb.instrumented import circuit_of
from likes_api.server.deployment import prepare

FIRST_KEYS_SECONDS = 2.0

settings = Settings.from_environment(database_required=True)
logging.config.dictConfig(configuration(settings.log_format))
app = create_app(settings)
prepare(settings, circuit_of(app.extensions[DATABASE]))
# Before the first request, which would find no keys; an issuer that does not answer delays the start by so much.
app.extensions[JWTS].start(FIRST_KEYS_SECONDS)
# Now rather than with the first vote: a process that was killed may have left something to do.
app.extensions[MAINTENANCE].start()
app.extensions[VOTER_JOBS].start()
