-- Background jobs, imports and pulls. The tables of the job queue itself are procrastinate's own
-- schema, which versions/0004 applies first.

-- A finished job's row goes after some days; an index keeps that, and what waits, cheap.
CREATE INDEX job_scheduled ON procrastinate_jobs (scheduled_at) WHERE status = 'todo';
