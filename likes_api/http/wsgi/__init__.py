"""WSGI middleware: what is done to each request before Flask sees it, and to each answer behind it."""
