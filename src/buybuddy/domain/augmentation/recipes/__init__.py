"""Recipes that people have named, beside those that the platform brings; and looking at what one makes."""
