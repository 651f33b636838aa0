"""Likes and up/down votes for other people's applications: three HTTP contracts over one vote store."""
