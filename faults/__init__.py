"""Break parts of a deployment under load on this machine, and compare the clients' answers with the database."""
