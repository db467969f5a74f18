"""From pictures to comparable vectors."""
