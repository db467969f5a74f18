"""Working together: locks, presence, notifications."""
