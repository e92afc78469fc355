"""The dense array: a plain output-stationary one, the baseline that zero-skipping is measured against."""
