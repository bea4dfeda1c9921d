"""What reports ask of the database. `{}` is the condition of the list of deals, of `t`."""

PIPELINE = """
SELECT p.name AS pipeline, s.name AS stage, s.id AS stage_id, count(*) AS count,
  coalesce(sum(t.amount_base), 0) AS amount,
  coalesce(sum(t.amount_base * t.probability), 0) / 100 AS weighted
FROM deal t JOIN stage s ON s.id = t.stage_id JOIN pipeline p ON p.id = s.pipeline_id
WHERE {} AND t.status = 'open'
GROUP BY p.id, s.id ORDER BY p.position, p.id, s.position, s.id
"""
FORECAST = """
SELECT date_trunc('month', t.close_date)::date AS month, t.owner_id,
  coalesce(u.name, 'Nobody') AS owner,
  sum(t.amount_base) FILTER (WHERE t.status = 'won') AS won,
  sum(t.amount_base) FILTER (WHERE t.status = 'open' AND t.forecast = 'commit') AS "commit",
  sum(t.amount_base) FILTER (WHERE t.status = 'open' AND t.forecast = 'best_case') AS best_case,
  sum(t.amount_base) FILTER (WHERE t.status = 'open' AND t.forecast = 'pipeline') AS pipeline,
  coalesce(sum(t.amount_base * CASE WHEN t.status = 'won' THEN 100 ELSE t.probability END), 0) / 100
    AS weighted
FROM deal t LEFT JOIN app_user u ON u.id = t.owner_id
WHERE {} AND t.close_date IS NOT NULL
  AND (t.status = 'won' OR t.status = 'open' AND t.forecast <> 'omitted')
GROUP BY 1, t.owner_id, u.name ORDER BY 1, 3, 2
"""
WON = """
SELECT date_trunc('month', t.closed_at AT TIME ZONE 'UTC')::date AS month, t.owner_id,
  coalesce(u.name, 'Nobody') AS owner, count(*) AS count, sum(t.amount_base) AS amount,
  round(avg(t.amount_base)) AS average
FROM deal t LEFT JOIN app_user u ON u.id = t.owner_id
WHERE {} AND t.status = 'won' AND t.closed_at IS NOT NULL
GROUP BY 1, t.owner_id, u.name ORDER BY 1, 3, 2
"""
CYCLE = """
SELECT t.owner_id, coalesce(u.name, 'Nobody') AS owner, count(*) AS count,
  avg(c.seconds) / 86400 AS average_days,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY c.seconds) / 86400 AS median_days
FROM deal t LEFT JOIN app_user u ON u.id = t.owner_id
CROSS JOIN LATERAL (SELECT CASE WHEN t.closed_at >= t.created_at
  THEN extract(epoch FROM t.closed_at - t.created_at)::float8 END AS seconds) c
WHERE {} AND t.status = 'won' AND t.closed_at IS NOT NULL
GROUP BY t.owner_id, u.name ORDER BY 2, 1
"""
REASONS = """
SELECT t.status, t.reason, count(*) AS count, sum(t.amount_base) AS amount
FROM deal t WHERE {} AND t.status <> 'open'
GROUP BY t.status, t.reason ORDER BY t.status DESC, 3 DESC, t.reason
"""
# A deal counts once a stage, by when it first came into it; skipped stages it never entered.
CONVERSION = """
WITH d AS (SELECT t.id, t.status FROM deal t WHERE {}),
first AS (
  SELECT DISTINCT ON (m.deal_id, m.to_id) m.deal_id, m.to_id, m.id, m.at, d.status
  FROM deal_move m JOIN d ON d.id = m.deal_id ORDER BY m.deal_id, m.to_id, m.id
),
entry AS (
  SELECT f.*, s.pipeline_id, s.position,
    EXISTS (
      SELECT FROM deal_move n JOIN stage o ON o.id = n.to_id
      WHERE n.deal_id = f.deal_id AND n.id > f.id AND o.pipeline_id = s.pipeline_id
        AND o.position > s.position AND o.category <> 'lost'
    ) AS moved,
    (SELECT sum(n.stayed_s) FROM deal_move n
     WHERE n.deal_id = f.deal_id AND n.from_id = f.to_id) AS stayed
  FROM first f JOIN stage s ON s.id = f.to_id AND s.category = 'open'
  WHERE (%s::date IS NULL OR f.at >= %s::date::timestamp AT TIME ZONE 'UTC')
    AND (%s::date IS NULL OR f.at < %s::date::timestamp AT TIME ZONE 'UTC')
)
SELECT p.name AS pipeline, s.name AS stage, count(*) AS entered,
  count(*) FILTER (WHERE e.moved) AS moved_on, avg(e.moved::int) AS rate,
  count(*) FILTER (WHERE e.status = 'won') AS won, avg((e.status = 'won')::int) AS won_rate,
  avg(e.stayed) / 86400 AS days
FROM entry e JOIN stage s ON s.id = e.to_id JOIN pipeline p ON p.id = s.pipeline_id
GROUP BY p.id, s.id ORDER BY p.position, p.id, s.position, s.id
"""
