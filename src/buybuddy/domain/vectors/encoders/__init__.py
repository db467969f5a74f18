"""Which encoder serves, and filling in the vectors of another one."""
