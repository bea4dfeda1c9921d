-- The lake's catalogue: PyIceberg makes and keeps its own two tables in here.
CREATE SCHEMA lake;

-- Facts that were taken back after they were written (a reverted import, an erasure): readers leave
-- them out, and the lake's writer takes them from its files and from here.
CREATE TABLE fact_undone (
  pos  bigint PRIMARY KEY
);
