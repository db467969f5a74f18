"""Who may do what: users, sessions, API keys, throttled sign-in."""
