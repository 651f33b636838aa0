"""What gunicorn serves: ``gunicorn -c config/gunicorn.conf.py wsgi:app``. Imported in each worker, after the fork."""

import logging.config

from config.logging import configuration
from config.settings import Settings
from likes_api.app import DATABASE, MAINTENANCE, create_app
from likes_api.mongodb.instrumented import circuit_of
from likes_api.server.deployment import prepare

settings = Settings.from_environment(database_required=True)
logging.config.dictConfig(configuration(settings.log_format))
app = create_app(settings)
prepare(settings, circuit_of(app.extensions[DATABASE]))
# Now rather than with the first vote: a process that was killed may have left something to do.
app.extensions[MAINTENANCE].start()
