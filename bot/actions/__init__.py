"""What the bot does: each action takes a conversation and returns an outcome of events and responses."""
