-- Background jobs, imports and pulls.
SELECT 1;
