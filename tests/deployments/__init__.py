"""What is deployed, built and run as it is shipped; by ``DUBAN_DEPLOYMENTS=1 ./duban test tests/deployments``."""
