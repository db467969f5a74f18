"""Tables of products that people bring: previewed row by row, then applied."""
