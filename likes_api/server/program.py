"""gunicorn as ``likes-api run`` starts it: ``python -P -m likes_api.server.program -c CONFIG wsgi:app``."""

import os

from gunicorn.app.wsgiapp import WSGIApplication


class Program(WSGIApplication):
    """Import nothing from the current directory.

    gunicorn puts it before the installed packages. A Django project has a ``wsgi.py``, often a ``config`` too, and in
    its directory those would be imported instead of ours.
    """

    def chdir(self) -> None:
        """Change to the configured directory, and leave ``sys.path`` alone."""
        os.chdir(self.cfg.chdir)


if __name__ == "__main__":
    Program("%(prog)s [OPTIONS] [APP_MODULE]").run()
