"""Videos that arrive in pieces (tus)."""
