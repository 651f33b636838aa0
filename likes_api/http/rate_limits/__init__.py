"""Rate limits by Flask-Limiter: how many requests one user or address may make."""
