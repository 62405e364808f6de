"""One module a channel: from what a source sends to reports. Pure."""
