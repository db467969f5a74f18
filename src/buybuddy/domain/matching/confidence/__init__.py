"""How sure a similarity makes us, learned from what people have decided."""
