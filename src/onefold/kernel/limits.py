"""Every limit of the product, by name, with its unit last.

Nothing grows without one of these (ARCHITECTURE.md, invariant 10).
"""

# collect
request_bytes_max = 4_000_000  # after decompression; a larger body is answered 413
request_items_max = 10_000  # items in one batch
event_bytes_max = 512_000  # one item; a larger one is kept as refused
event_depth_max = 400  # nesting of one item; deeper is refused
event_traits_max = 2_000  # traits or properties of one event; more is refused
string_identifier_chars_max = 512  # a userId, anonymousId, groupId, e-mail …
event_name_chars_max = 256
message_id_chars_max = 256
external_ids_max = 20  # identifiers taken from `context.externalIds` of one event
campaign_names_max = 20  # parameters kept of one campaign
campaign_name_chars_max = 40
campaign_value_chars_max = 200  # a longer value is cut
campaign_query_fields_max = 100  # of an address; one with more is not read for its campaign
commit_group_bytes_max = 8_000_000  # requests that share one log commit
collect_queue_bytes_max = 64_000_000  # waiting for the log; beyond it senders get 503
request_drain_bytes_max = 256_000_000  # of a body that is refused: read and dropped, then answered
request_read_s_max = 60  # for a body to arrive
request_members_max = 1_000  # top-level keys of a body that has to be split by hand
shared_value_bytes_max = 128_000  # `context` beside `batch`; a longer one is treated as absent
envelope_depth_safe = 400  # nesting that every JSON reader of ours takes, however deep its stack
commit_group_rows_max = 2_000
collect_wait_s_max = 5  # for the log to hold a request; then 503
collect_retry_after_s = 2  # what a 503 tells the sender
pace_burst_s = 5  # seconds' worth of items that a source may send at once
pixel_depth_max = 20  # parts of a dotted name in a pixel's address
write_key_chars_max = 200
write_key_cached_s = 2  # a disabled source is noticed within this
write_key_unknown_cached_s = 1
write_keys_cached_max = 10_000
write_key_lookups_max = 200  # under way at once; beyond it senders get 503

# sources
sources_max = 1_000
source_name_chars_max = 100
ledger_rule_chars_max = 200  # of a rule's name in the ledger
events_rows_max = 10_000  # log rows looked at for one page of past events
events_items_max = 20_000  # items decoded for it
events_export_max = 100_000  # lines of one export
duplicate_scan_bytes_max = 64_000_000  # of remembered ids searched for a duplicate's first
replay_items_max = 5_000  # refused items corrected and replayed by one call
replay_row_bytes_max = 1_000_000  # of corrected items in one log row
preview_items_max = 1_000  # refused items that a preview tries
preview_samples_max = 5
refused_chosen_max = 1_000  # refused items chosen one by one
fixes_max = 20  # corrections of one replay
micro_items_max = 10_000  # items listed of a test source, the newest
micro_items_shown_max = 1_000  # of one answer, unless it asks for more
micro_waiting_max = 64  # requests of test sources being checked; beyond it senders get 503
turned_away_kept_max = 10_000  # (source, hour, code) counts between two writes
turned_away_flush_s = 2
refused_actions_max = 50  # shown of what was done about refused items

# webhook sources
webhook_clock_s_max = 300  # a signed timestamp further off is a replay
webhook_secret_chars_max = 500
webhook_secret_chars_min = 16  # of a secret that is the only proof
webhook_option_chars_max = 200
webhook_path_chars_max = 1_000  # one expression of a mapping
webhook_mapping_bytes_max = 20_000
webhook_header_chars_max = 500  # kept of a header
webhook_recent_max = 20  # newest deliveries listed for a source
webhook_known_days = 400  # a reference that nothing has told of since is forgotten
webhook_known_prune_max = 10_000  # references forgotten at once
webhook_reread_max = 1_000  # refused events read again in one call
webhook_note_s = 1  # how often traffic is written down
webhook_endpoint_cached_s = 2  # a changed secret or mapping counts within this
webhook_endpoints_cached_max = 10_000

# storage: the embedded PostgreSQL
postgres_connect_s = 5  # for one attempt to connect
postgres_stop_fast_s = 60  # for a shutdown with its checkpoint; then without one
postgres_stop_immediate_s = 10
postgres_stall_s = 600  # a starting server that does nothing at all for so long is given up
postgres_wait_told_s = 5  # between two log lines while a server recovers

# log
log_row_items_max = 65_536  # a position is seq << 16 | item

# worker
batch_events_max = 8_000  # facts of one micro-batch (whole log rows, at least one)
batch_bytes_max = 16_000_000
states_cached_max = 28_000  # decoded fragment states in memory
fragments_blank_max = 100_000  # fragments of which is known that nothing is in them
identifiers_cached_max = 90_000
people_cached_max = 30_000
accounts_cached_max = 20_000  # accounts whose sums over people are kept
conclude_chunk_max = 2_000  # people or accounts concluded in one transaction
undo_fragments_step_max = 500  # whose facts are read at once when an import is taken back
idle_poll_ms = 25
identifiers_read_max = 32_000  # values whose normal form is remembered, for one version of rules

# dedupe
dedupe_horizon_days = 7
dedupe_ids_max = 50_000_000  # message ids remembered; beyond it the horizon is shorter, and said

# profiles
trait_value_bytes_max = 16_000  # one trait value, as JSON
traits_fragment_max = 2_000  # traits kept for one fragment
trait_replay_fragments_max = 500  # decided again by changed rules between two micro-batches
trait_facts_max = 20_000  # facts that a history or a past moment is made of
trait_edits_max = 100  # traits of one edit by hand
trait_edit_bytes_max = 10_000  # of one of them
trait_rules_max = 500  # traits with a rule of their own
trait_name_chars_max = 200  # of a trait that is described
trait_description_chars_max = 2_000
traits_described_max = 5_000  # of people, and of accounts
traits_counted_max = 5_000  # of people, and of accounts; further names are left out
trait_values_counted_max = 200  # different values of a trait among which the frequent are found
trait_example_bytes_max = 80
trait_examples_max = 5
trait_example_holders_min = 3  # fewer have a value: it is nobody's example
trait_states_read_rows = 2_000
trait_origins_max = 16  # sources beside the one that counts whose word on a trait is kept
event_names_fragment_max = 1_000  # distinct names counted per fragment; more go to "(other)"
tail_positions_max = 64  # newest facts listed in the fragment's row; older ones in sealed chunks
event_names_max = 20_000  # distinct names in usage tables; more go to "(other)"

# governance: tracking plans and transformations
plans_max = 500
plan_key_chars_max = 64
plan_rules_max = 2_000  # events of one plan
plan_chars_max = 900_000  # of a plan's text
schema_nodes_max = 5_000  # of one event's schema, each local `$ref` written out
schema_depth_max = 40
pattern_bytes_max = 1_000_000  # of a compiled pattern
plan_faults_max = 50
plan_versions_listed_max = 100
violations_event_max = 50  # told of one event
violation_paths_day_max = 500  # kept apart for one source and day; more count as "(other)"
violation_samples_max = 5  # positions kept of one violation and day
violation_text_chars_max = 300
violation_days_max = 90
steps_max = 100  # of one transformation
steps_chars_max = 200_000
map_values_max = 5_000  # of all maps of one transformation
expression_chars_max = 2_000
expression_nodes_max = 200
expression_depth_max = 30
expression_text_chars_max = 10_000  # a longer text is null to functions and `+`
expression_items_max = 1_000  # a longer list is null to functions and `in`
rules_versions_max = 2_000  # of one source's rules
rules_compiled_max = 64  # databases' rules kept compiled in one process
preview_events_max = 50
suppressions_max = 100_000  # people whose items are not taken, each by one identifier
suppression_reason_chars_max = 500
infer_rows_max = 2_000  # log rows that a plan is inferred from
infer_events_max = 20_000
infer_fields_max = 2_000  # fields of one event that are told apart
recent_rows_max = 20_000  # newest log rows among which a source's own are looked for

# identity
component_identifiers_max = 5_000  # beyond it: quarantine
identifiers_seen_fragment_max = 500  # identifiers remembered as seen with one fragment
person_identifiers_max = 500
identifiers_plans_kept_min = 20_000  # from so many on the resolver's statements are planned once
neighbours_max = 100  # values of one limited namespace linked to an identifier; more: generic
device_users_max = 50  # people logging in on one device; more: a kiosk, which belongs to nobody
device_chapters_max = 1_000
links_fact_all_max = 4  # identifiers of one fact that are linked pairwise; more: to the first only
former_ids_max = 5  # user ids that alias calls can make of one person
namespaces_max = 200
namespace_blocked_max = 5_000  # values on one block list
namespace_patterns_max = 50
namespace_replay_ids_max = 200  # identifiers grouped again between two micro-batches
namespace_preview_ids_max = 500  # identifiers that a preview looks at in one read
namespace_examples_max = 20  # of each kind, in a preview
decisions_max = 100_000  # of humans, in force; the worker holds them in memory
decisions_step_max = 50  # taken up between two micro-batches
decision_reason_chars_max = 1_000
decision_wait_ms = 1_500  # that a door waits for the worker to take a decision up
account_clues_max = 60  # of one person, the strongest rungs first
account_claims_max = 200  # domains, registry ids and names that one account is found by
account_decisions_max = 100_000  # in force; the worker holds them in memory
domain_rules_max = 20_000  # the workspace's own words on domains
account_domains_spread_max = 2  # accounts that people of an unclaimed domain are in; more: shared
trait_names_remembered_max = 20_000  # for which it is known whether they point to an account
rebuild_memory_mb = 1_000  # of the DuckDB that groups everybody anew; beyond it, disk
rebuild_chunk_rows = 50_000  # read or written at once there
graph_nodes_max = 2_000  # identifiers and chapters looked at to explain who is who
graph_people_max = 200
graph_drawn_max = 60  # identifiers and chapters in the picture; the list holds all

# identity: known people matched by likeness
match_candidates_max = 200  # records that one record is compared with
match_block_max = 100  # records that share one key; a commoner key says too little
match_keys_max = 24  # of one record
match_chunk_records = 200  # scored in one transaction
match_gather_chunk = 500  # people read in one transaction
match_gather_max = 100_000  # changed people read by one run; the next goes on
match_train_records_max = 20_000  # a model is trained on; more are sampled
match_train_records_min = 20  # with fewer there is nothing to learn from
match_frequencies_max = 20_000  # values of one field whose commonness a model keeps
match_model_bytes_max = 32_000_000  # of a model file
match_models_kept = 20
match_models_cached_max = 4
match_runs_kept = 100
match_field_chars_max = 200  # of one field that is compared
match_open_max = 10_000  # pairs that wait for a person's answer; the least important give way
match_answers_max = 500  # pairs answered at once
match_joined_run_max = 1_000  # joined without asking in one run
match_skip_days = 7  # that a skipped pair is not shown to who skipped it
match_entry_max = 5  # likely duplicates told of somebody being typed in
match_look_share = 100  # looking for changes takes at most one part in so many of the time
trust_listed_max = 200  # people or links listed behind a number of the trust page
trust_names_max = 50_000  # people whose names are compared for over-merges

# audiences
audiences_max = 1_000
definition_nodes_max = 200
window_days_max = 400
definition_chars_max = 50_000  # of a definition's text
expanded_nodes_max = 1_000  # conditions with those of the audiences referred to
definition_depth_max = 20  # conditions within conditions
definition_values_max = 1_000  # values of one `in`
definition_string_chars_max = 512  # one name or value in a definition
audience_key_chars_max = 64
definition_faults_max = 50  # faults told of one definition
form_fields_max = 5_000  # of the builder
suggestions_max = 12  # listed at once
why_people_max = 5_000  # of an account, whom an explanation looks at
why_matching_max = 5  # of them told each with its conditions
why_facts_max = 10  # told behind one condition
why_facts_read_max = 1_000  # newest facts looked through for them
suggestions_kept_max = 300  # different values kept of one property or trait
suggestions_names_max = 2_000  # properties of one event, or traits
suggestions_kept_ms = 60_000  # for so long a sample is used
suggestions_databases_max = 8  # whose samples one process keeps
suggestions_rows_max = 320  # log rows of a sample
suggestions_row_events_max = 100  # looked at of one row
suggestions_events_max = 8_000
suggestions_states_max = 1_500  # states of people, and of accounts
leaf_values_max = 1_000  # distinct values kept for one leaf of one fragment; then a sample
leaf_value_chars_max = 256  # a longer text is no value that is counted apart, first or last
moment_offset_days_max = 36_500  # of `30d ahead`
sequence_steps_max = 20_000  # buckets that the window of a sequence may have
pattern_chars_max = 200  # of a `matches`
pattern_memory_bytes_max = 1_000_000  # a compiled pattern; RE2 refuses what needs more
leaf_key_chars_max = 400  # a longer key ends in a hash: an index row has its limits
count_max = 1_000_000_000  # a threshold of `count`
why_reasons_max = 20  # reasons kept with a membership change
why_value_chars_max = 120  # a longer value is cut in a reason

audience_sql_chars_max = 50_000
audience_sql_every_s_min = 300  # between runs of a query
audience_sql_every_s_max = 31 * 86_400
audience_sql_s_max = 120  # for one run
audience_sql_memory_mb = 512  # that DuckDB may use in one
audience_sql_rows_max = 5_000_000  # ids that it may answer
audience_entries_max = 2_000_000  # of one list
audience_entries_call_max = 100_000  # added or taken away at once
preview_wait_s = 10  # for other previews to be made; then 503
preview_s_max = 20  # for one preview
preview_memory_mb = 1_000
preview_accounts_ms = 15_000  # who is in which account is read again after that
preview_changes_max = 200_000  # changes of membership that are followed; more: read anew
preview_sample_max = 10
preview_overlap_max = 50  # audiences told of, those that share the most first
backtest_s_max = 60  # for one back-test
backtest_days_max = 400

# activation
destinations_max = 100
url_chars_max = 2_000
outbox_payload_bytes_max = 256_000  # one message; larger ones go without traits
outbox_claim_max = 100  # rows claimed at once for one destination
outbox_in_flight_max = 16  # requests under way to one destination
outbox_attempts_max = 20
outbox_age_max_h = 72  # a change that is older is given up
outbox_timeout_s = 10  # for one request, answer included
outbox_lease_s = 30  # a claimed row that is not settled by then is sent again
outbox_retry_base_s = 2
outbox_retry_cap_s = 3_600
outbox_retry_after_cap_s = 3_600  # a longer `Retry-After` counts as this
outbox_failures_pause = 5  # failures in a row after which a destination is left alone for a while
outbox_pause_cap_s = 60
outbox_response_chars_max = 500
outbox_response_bytes_max = 4_000  # read of an answer
outbox_poll_ms = 50  # how often new rows are looked for
outbox_recheck_ms = 500  # how often rows that wait for others are looked at again
outbox_sweep_s = 60  # how often old rows are given up or forgotten
outbox_sweep_rows_max = 2_000
outbox_kept_days = 30  # how long deliveries that are done stay listed

# reads
page_rows_max = 200
page_rows_default = 50
timeline_rows_max = 200

# profiles for programs
profile_fields_max = 200  # names in `fields` and `include` together
profile_batch_max = 1_000  # people or accounts of one call
profile_batch_events_max = 100  # of them with recent events
profile_events_max = 10  # recent events of each

# membership changes as a stream
stream_clients_max = 64  # of one process
stream_rows_max = 500  # changes read at once for one of them
stream_poll_ms = 200
stream_beat_s = 15  # a comment when nothing happens; the key is looked at again

# what browsers read of their own person
personal_entries_max = 200  # traits, audiences or origins
personal_secrets_max = 2  # the one in use, and one to change over to
personal_secret_bytes = 32
personal_token_chars_max = 4_000
personal_token_s_default = 900
personal_token_s_max = 86_400
personal_token_skew_s = 60  # by which the signer's clock may be ahead of ours

# doors: API keys, sessions, requests
connection_wait_s = 5  # for a pooled connection; then the answer is 503
sign_in_remembered_s = 2  # a revoked key works no longer than this
sign_ins_remembered_max = 10_000
key_used_every_s = 60  # how often the time of a key's last use is written
session_days = 14
login_window_s = 900  # failed log-ins older than this are forgotten
login_email_failures_max = 5
login_address_failures_max = 30
login_names_max = 10_000  # e-mails and addresses whose failures are remembered
password_chars_max = 256
name_chars_max = 200
email_chars_max = 320
api_body_bytes_max = 1_000_000
api_body_depth_max = 32
list_count_max = 100_000  # rows a list counts; beyond it `total` is this number
search_chars_max = 100
account_people_max = 200  # people listed on an account's record
account_usage_days_max = 90
record_items_max = 50  # open tickets, tasks and signals shown on a record

# crm
record_subject_chars_max = 300  # of a ticket or task
record_text_chars_max = 50_000  # content of a ticket, body of a task
record_tags_max = 20
record_tag_chars_max = 60
fact_text_chars_max = 500  # a longer old or new text is cut in the fact that tells of its change
filter_values_max = 50  # values of one filter of a list
custom_fields_max = 200  # of one object
custom_text_chars_max = 2_000  # a value of a field of the workspace's own
currencies_max = 200
pipeline_stages_max = 30
deal_lines_max = 200
bulk_rows_max = 50_000  # records of one change in bulk
bulk_at_once_rows = 200  # with more it goes on in the background
bulk_step_rows = 50  # changed in one transaction there
view_query_chars_max = 2_000
board_cards = 25  # shown of one stage
mentions_max = 50  # users named in one text
associations_max = 500  # of one record
attachment_bytes_max = 10_000_000
attachments_max = 100  # of one record
batch_items_max = 100  # records changed by one request
idempotency_kept_h = 24  # how long the repeat of a request gets the first one's answer
idempotency_key_chars_max = 200
idempotency_answer_bytes_max = 1_000_000
password_chars_min = 10

desk_step_max = 100  # events of another help desk that are taken up between two micro-batches
desk_retry_ms = 2_000  # before a ticket about nobody who is known is looked at again, at first
desk_wait_h = 24 * 7  # how long it waits for somebody

# signals
usage_history_days = 90  # complete days that an evaluation looks back on
signal_people_max = 5  # people named on a signal
signal_features_max = 3  # events named on a signal

# pages
live_clients_max = 64  # event streams watched at once in one process
live_queue_max = 32  # messages kept for a watcher that does not keep up
live_items_max = 40  # items of one tick that are shown; the rest is counted
live_rows_max = 200  # log rows read in one tick
live_poll_ms = 300
live_beat_s = 15  # a comment when nothing happens, so that proxies keep the stream open

# secrets of others that are stored sealed
secret_key_chars_min = 32

# background jobs
jobs_at_once_max = 4
jobs_reads_at_once_max = 4  # of connectors and pulls, beside the others
jobs_clock_at_once_max = 2  # of what runs by the clock
job_attempts_max = 10  # tries of a job that meets a database that is away
job_kept_h = 24 * 7  # a job that is done stays listed

# files and tables that are read in
import_file_bytes_max = 4_000_000_000
import_file_kept_days = 30  # after the import is over
import_files_step_max = 1_000  # deleted by one run of the task
import_value_chars_max = 1_000_000  # one value of a file
import_unclosed_max = 1_000  # rows with a quote that is never closed, read again line by line
import_column_chars_max = 200
import_columns_max = 1_000
import_chunk_rows = 1_000  # rows of a file that are appended in one transaction
import_crm_chunk_rows = 100  # rows of a file that become CRM rows in one transaction
import_sample_rows = 100
import_preview_rows = 10_000  # rows that a preview reads
import_preview_crm_rows = 1_000  # of CRM records, which it writes and takes back
import_faults_max = 100  # faults that are told; the rest is counted
import_shown_chars_max = 80  # of a value in a fault

# the lake
lake_commit_rows_max = 200_000  # facts of one commit
lake_commit_bytes_max = 32_000_000  # of its rows in memory; files are a fifth of that
lake_row_group_rows = 64_000
lake_file_bytes_min = 64_000_000  # smaller files of a day are written together
lake_small_files_max = 8  # of one day; more are written together
lake_snapshots_kept_h = 6  # a reader may go on with a file list for that long
lake_unreferenced_kept_h = 2  # files that nothing refers to may be of a commit under way
lake_extract_every_s = 900  # people, identifiers, accounts and memberships are written anew
lake_keep_every_s = 3_600  # files written together, snapshots expired
lake_undone_max = 1_000_000  # facts taken back that one rewrite looks for
lake_query_memory_mb = 1_000
lake_rewrite_memory_mb = 192  # beside imports in the same process; DuckDB spills beyond it
lake_tail_rows_max = 2_000_000  # facts that one query reads from the log beside the files

# connectors: programs of others, run as processes
connectors_max = 200
connector_line_bytes_max = 8_000_000  # of a connector's stdout; a longer one is refused and counted
connector_answer_bytes_max = 32_000_000  # a catalog or spec
connector_config_bytes_max = 256_000
connector_command_parts_max = 20
connector_chunk_rows = 1_000  # rows appended in one transaction, with the state after them
connector_chunk_bytes = 4_000_000
connector_chunk_s = 5  # the longest that a row which was read waits for its transaction
connector_rows_max = (
    20_000_000  # rows remembered of one connector: of incremental streams, of others
)
connector_forget_rows = 10_000  # of those, dropped at once
connector_said_bytes_max = 64_000  # of a line on its stderr
connector_words_max = 200  # last lines kept of what a connector says
connector_word_chars_max = 1_000  # of one of them
connector_faults_max = 50
connector_answer_s = 300  # for spec, check and discover
connector_install_s = 900
connector_stop_s = 10  # between asking a connector to end and ending it
connector_silence_s = 7_200  # a connector that says nothing for so long is ended
connector_tries_max = 5  # starts of a run that is killed before it gets anywhere
connector_sample_rows = 50  # rows of a stream that its mapping is tried on
connector_sample_bytes_max = 1_000_000
connector_sample_s = 60
connector_sample_h = 24  # that they are kept
connector_samples_max = 20  # streams of one request
connector_look_s = 1  # how often a run looks whether it was cancelled
connector_runs_kept = 100
connector_state_bytes_max = 16_000_000

# pulls: tables that are read by SQL
pulls_max = 200
pull_relation_chars_max = 400
pull_query_chars_max = 50_000
pull_keys_max = 16
pull_tables_max = 5_000  # of a database, listed
pull_files_max = 20_000  # Parquet files of one folder
pull_ca_chars_max = 100_000
pull_rows_max = 100_000_000  # rows remembered of one pull: about 100 bytes each
pull_fetch_bytes = 2_000_000  # of rows fetched at once
pull_chunk_bytes = 4_000_000  # of rows that are appended in one transaction
pull_nulls_max = 100_000  # rows without a cursor that are counted
pull_preview_rows = 1_000
pull_overlap_s = 600  # of a cursor that is a time: read again, for who commits late
pull_overlap_n = 1_000  # of a cursor that is a number
pull_overlap_max = 400 * 86_400
pull_future_s = 86_400  # a cursor further ahead of the clock does not move the position
pull_connect_s = 10
pull_statement_s = 300  # until a statement's next rows
pull_query_s = 6 * 3_600  # a whole query, where the server counts it so
pull_memory_mb = 512  # that DuckDB may use
pull_runs_kept = 200
pull_forget_rows = 20_000  # remembered rows of a deleted pull that go in one transaction

# assistants
mcp_request_bytes_max = 1_048_576  # of one call
