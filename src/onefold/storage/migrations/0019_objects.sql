-- Nothing; databases are stamped with this number.
SELECT 1;
