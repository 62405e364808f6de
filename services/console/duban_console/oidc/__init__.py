"""Sign-in by OpenID Connect: the provider of a city, as this API is its client."""
