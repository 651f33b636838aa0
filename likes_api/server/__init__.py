"""The process around the application: gunicorn's worker, its supervisor, child processes and metrics files."""
