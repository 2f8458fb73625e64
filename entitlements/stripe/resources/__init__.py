"""The client's resources: what may be asked of each family of Stripe's objects."""
