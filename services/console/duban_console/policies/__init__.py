"""Policy packs as people read them: told in sentences, and drafts that are checked and set beside what holds."""
