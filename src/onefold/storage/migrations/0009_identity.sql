-- Namespaces as data, decisions, history and review of identity.
SELECT 1;
