"""Products as ZIP, CSV and JSON, made while they are sent."""
