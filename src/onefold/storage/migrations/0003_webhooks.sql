-- Webhook sources.
SELECT 1;
