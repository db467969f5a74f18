"""Lists of products: filtered, searched, sorted, counted, at a million of them."""
