"""What an operator looks at: services, topics, groups and their lag, dead letters, sources, the anchors of chains."""
