"""Controls without a neural network: what each kind of content is turned into for a linear head."""
