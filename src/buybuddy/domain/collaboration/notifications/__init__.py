"""What a user is to know, until they have read it."""
