"""Pictures: their pixels, sizes and conversions, and the processes that decode them."""
