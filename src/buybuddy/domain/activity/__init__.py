"""What happened: recent activity and the live event stream."""
