"""Every limit of the product, by name, with its unit last.

Nothing grows without one of these (ARCHITECTURE.md, invariant 10).
"""

# collect
request_bytes_max = 4_000_000  # after decompression; a larger body is answered 413
request_items_max = 10_000  # items in one batch
event_bytes_max = 512_000  # one item; a larger one is kept as refused
event_depth_max = 64  # nesting of one item; deeper is refused
event_traits_max = 2_000  # traits or properties of one event; more is refused
string_identifier_chars_max = 512  # a userId, anonymousId, groupId, e-mail …
event_name_chars_max = 256
message_id_chars_max = 256
commit_group_bytes_max = 8_000_000  # requests that share one log commit
collect_queue_bytes_max = 64_000_000  # waiting for the log; beyond it senders get 503

# log
log_row_items_max = 65_536  # a position is seq << 16 | item

# worker
batch_events_max = 4_000  # facts of one micro-batch (whole log rows, at least one)
batch_bytes_max = 16_000_000
states_cached_max = 60_000  # decoded fragment states in memory
identifiers_cached_max = 400_000
people_cached_max = 60_000
conclude_chunk_max = 1_000  # people or accounts concluded in one transaction
idle_poll_ms = 25

# dedupe
dedupe_horizon_days = 7
dedupe_ids_max = 50_000_000  # message ids remembered; beyond it the horizon is shorter, and said

# profiles
trait_value_bytes_max = 16_000  # one trait value, as JSON
traits_fragment_max = 2_000  # traits kept for one fragment
event_names_fragment_max = 1_000  # distinct names counted per fragment; more go to "(other)"
tail_positions_max = 64  # newest facts listed in the fragment's row; older ones in sealed chunks
event_names_max = 20_000  # distinct names in usage tables; more go to "(other)"

# identity
component_identifiers_max = 5_000  # beyond it: quarantine
identifiers_seen_fragment_max = 500  # identifiers remembered as seen with one fragment
person_identifiers_max = 500

# audiences
audiences_max = 1_000
definition_nodes_max = 200
window_days_max = 400

# activation
outbox_claim_max = 100  # rows claimed at once for one destination
outbox_attempts_max = 20
outbox_timeout_s = 10
outbox_retry_base_s = 2
outbox_retry_cap_s = 3_600
outbox_response_chars_max = 500

# reads
page_rows_max = 200
page_rows_default = 50
timeline_rows_max = 200
