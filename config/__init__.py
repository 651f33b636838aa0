"""Settings, logging and the gunicorn configuration: the only package that reads the environment."""
