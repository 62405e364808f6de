"""The schema ``console``: who may sign in, and what they did as such. Numbered SQL, applied by ``duban migrate``."""
