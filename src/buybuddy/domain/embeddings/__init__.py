"""Published indexes of frozen datasets: building them, having one serve, and what they are searched with."""
