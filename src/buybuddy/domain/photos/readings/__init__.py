"""What was seen in photos, and which of them show one scene."""
