"""The simulator: a seeded world, a workload that knows the truth, faults, and a naive auditor."""
