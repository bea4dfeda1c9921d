-- Webhook sources.

-- How a source's webhook is set up. The secrets are read by the collector alone.
CREATE TABLE webhook (
  source_id      integer PRIMARY KEY REFERENCES source (id),
  kind           text NOT NULL,
  secret         text NOT NULL DEFAULT '',
  former_secret  text NOT NULL DEFAULT '',   -- still taken after a rotation
  options        jsonb NOT NULL DEFAULT '{}',
  mapping        jsonb,
  version        integer NOT NULL DEFAULT 1,
  updated_by     text NOT NULL,
  updated_ms     bigint NOT NULL
);

-- What came, in whole numbers; the ledger counts items, this counts deliveries.
CREATE TABLE webhook_traffic (
  source_id     integer PRIMARY KEY REFERENCES source (id),
  accepted      bigint NOT NULL DEFAULT 0,
  unmapped      bigint NOT NULL DEFAULT 0,   -- deliveries of which some item was refused
  pings         bigint NOT NULL DEFAULT 0,
  bad           bigint NOT NULL DEFAULT 0,   -- answered 401
  last_ms       bigint,                      -- the last that was accepted
  last_bad_ms   bigint,
  last_bad_why  text NOT NULL DEFAULT ''
);

-- The newest deliveries of a source, as places in the log: the bodies are there, not here.
CREATE TABLE webhook_recent (
  source_id    integer NOT NULL REFERENCES source (id),
  seq          bigint NOT NULL,
  received_ms  bigint NOT NULL,
  event        text NOT NULL,
  items        integer NOT NULL,
  refused      integer NOT NULL,
  PRIMARY KEY (source_id, seq)
);

-- Whom a vendor's reference stands for (`customer:cus_1`), as an earlier event told: ids only.
CREATE TABLE webhook_known (
  source_id   integer NOT NULL REFERENCES source (id),
  ref         text NOT NULL,
  known       jsonb NOT NULL,
  updated_ms  bigint NOT NULL,
  PRIMARY KEY (source_id, ref)
);
CREATE INDEX webhook_known_updated ON webhook_known (updated_ms);
