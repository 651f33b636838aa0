"""The buttons and the demo page in Chromium, against gunicorn on a real MongoDB."""
