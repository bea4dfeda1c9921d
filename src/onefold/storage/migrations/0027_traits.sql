-- Whose word counts: the first version of the rules, which decides stored traits again; and sources
-- that say what others gathered.
INSERT INTO trait_version (rules, created_by) VALUES ('{}', 'system:0');

ALTER TABLE source DROP CONSTRAINT source_category_check;
ALTER TABLE source ADD CONSTRAINT source_category_check CHECK (category IN
  ('product', 'website', 'billing', 'support', 'email', 'enrichment', 'import'));
