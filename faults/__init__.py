"""Break things under load on this machine, and compare what clients were told with what the database holds."""
