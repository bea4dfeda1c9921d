"""`make bench`: the budgets, measured side by side in one run."""
