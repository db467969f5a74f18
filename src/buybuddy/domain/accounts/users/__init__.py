"""Users, as an admin manages them."""
