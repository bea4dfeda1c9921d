-- The ledger in full, and replay.
SELECT 1;
