"""The first page: what there is, what is new, what is running."""
