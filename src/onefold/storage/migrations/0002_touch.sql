-- First and last touch, and what the collector adds.
SELECT 1;
