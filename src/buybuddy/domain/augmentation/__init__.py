"""Making pictures out of those that there are: recipes, backgrounds, and runs over frozen datasets."""
