"""What every page has: its style, its templates' filters, numbers as a person reads them."""
