"""What gunicorn serves: ``gunicorn -c config/gunicorn.conf.py wsgi:app``. Imported in each worker, after the fork."""

import logging.config

from config.logging import CONFIGURATION
from config.settings import Settings
from likes_api.app import UPKEEP, create_app

logging.config.dictConfig(CONFIGURATION)
app = create_app(Settings.from_environment(database_required=True))
# Now rather than with the first vote: a process that was killed may have left something to do.
app.extensions[UPKEEP].start()
