"""One of the two forms of the client; _sync/ is generated from _async/."""
