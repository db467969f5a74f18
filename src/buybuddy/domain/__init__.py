"""One folder per step of the line, in the order of the data's flow; a later one may read an earlier one, never back."""
