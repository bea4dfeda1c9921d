-- Probabilistic matching.
SELECT 1;
