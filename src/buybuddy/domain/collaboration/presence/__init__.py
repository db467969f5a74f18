"""Who is where at the moment."""
