"""Which photo shows which product: candidates, people's decisions, and what helps them decide."""
