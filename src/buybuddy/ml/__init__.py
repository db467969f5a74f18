"""Arrays in, arrays out. Nothing here knows the platform: no storage, no settings, no database."""
