-- Tracking plans and transformations.
SELECT 1;
