-- Connectors.
SELECT 1;
