"""Policy packs and calendars on their way to every service."""
