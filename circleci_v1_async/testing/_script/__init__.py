"""What a test makes happen: faults, rates, lists that drift, and seeds."""
