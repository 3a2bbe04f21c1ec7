/*
 * Every setting, once: this table is the parser, `instep config`, docs/configuration.md and their tests.
 *
 * X(member, NAME, TYPE, default, unit, low, high, needed by, help)
 *   TYPE       TEXT (const char *), SECRET (const char *, also NAME_FILE, never printed), NUMBER (int64_t)
 *   default    text as one would write it in the environment; "" means unset
 *   low, high  bounds of a NUMBER, in its unit; bounds of the length of a TEXT or SECRET, in bytes
 *   needed by  the programs that stop with a message when it is unset: INGEST, WORKER, or 0
 *
 * Kept sorted by NAME; tests/unit/test_config.c fails otherwise.
 */
// clang-format off
#define CONFIG_TABLE(X)                                                                                      \
    X(database_url, "DATABASE_URL", SECRET, "", "libpq URL", 1, 4096, WORKER,                                \
      "Postgres. Workers log in as a member of instep_worker, `instep migrate` as a role that may create roles; several hosts may be listed. Never through a transaction pooler.")  \
    X(account, "INSTEP_ACCOUNT", TEXT, "", "acct_…", 6, 255, 0,                                              \
      "Id of the Stripe account that the platform itself is; events and commands that name it are the platform's own.") \
    X(admin_listen, "INSTEP_ADMIN_LISTEN", TEXT, "", "address:port", 1, 255, 0,                              \
      "Health and metrics. Unset: 127.0.0.1:9080 for ingest, 127.0.0.1:9081 for a worker. Port 0 picks a free one and logs it.") \
    X(apply_connections, "INSTEP_APPLY_CONNECTIONS", NUMBER, "4", "connections", 1, 32, 0,                   \
      "Postgres sessions of one worker that claim and apply turns; several share one fsync.")                \
    X(attempts_max, "INSTEP_ATTEMPTS_MAX", NUMBER, "20", "attempts", 1, 1000, 0,                             \
      "Failed turns of one customer in a row before its events go to the dead letters.")                     \
    X(body_bytes_max, "INSTEP_BODY_BYTES_MAX", NUMBER, "1048576", "bytes", 1024, 16777216, 0,                \
      "Largest webhook body; longer ones are answered 413.")                                                 \
    X(connections_max, "INSTEP_CONNECTIONS_MAX", NUMBER, "1024", "connections", 1, 65536, 0,                 \
      "Open connections of the ingest; beyond it stops accepting until one closes.")                         \
    X(credits_interval_ms, "INSTEP_CREDITS_INTERVAL_MS", NUMBER, "10000", "milliseconds", 1000, 3600000, 0,  \
      "How often the leader among the workers books what time alone changes of credits: the next month of an annual price, an expiry. Spending does not wait for it.") \
    X(customer_rest_ms, "INSTEP_CUSTOMER_REST_MS", NUMBER, "2000", "milliseconds", 0, 60000, 0,              \
      "Shortest time between two turns of one customer, unless somebody waits for the answer; events that come meanwhile share the next turn's reads.") \
    X(drain_timeout_ms, "INSTEP_DRAIN_TIMEOUT_MS", NUMBER, "20000", "milliseconds", 0, 600000, 0,            \
      "Time for work in flight to end after SIGTERM.")                                                       \
    X(enqueue_timeout_ms, "INSTEP_ENQUEUE_TIMEOUT_MS", NUMBER, "5000", "milliseconds", 50, 60000, 0,         \
      "How long the ingest waits for Redis before it answers 503.")                                          \
    X(event_types, "INSTEP_EVENT_TYPES", TEXT, "*", "list", 1, 16384, 0,                                     \
      "Event types to queue, comma-separated, `*` matches anything (customer.subscription.*); others are answered 200 and counted.") \
    X(fetch_timeout_ms, "INSTEP_FETCH_TIMEOUT_MS", NUMBER, "20000", "milliseconds", 100, 300000, 0,          \
      "Deadline of all Stripe reads of one turn; must be shorter than the lease.")                           \
    X(in_flight_max, "INSTEP_IN_FLIGHT_MAX", NUMBER, "2048", "requests", 1, 65536, 0,                        \
      "Webhooks waiting for Redis at one time; beyond: 503.")                                                \
    X(lease_ms, "INSTEP_LEASE_MS", NUMBER, "60000", "milliseconds", 500, 3600000, 0,                         \
      "How long a customer stays with a silent worker; renewed at a third of it.")                           \
    X(listen, "INSTEP_LISTEN", TEXT, "127.0.0.1:8080", "address:port", 1, 255, 0,                            \
      "Where the ingest takes webhooks. Put TLS in front of it.")                                            \
    X(log_level, "INSTEP_LOG_LEVEL", TEXT, "info", "debug, info, warn, error", 4, 5, 0,                      \
      "Least serious log line that is written.")                                                             \
    X(mode, "INSTEP_MODE", TEXT, "", "live or test", 4, 4, INGEST | WORKER,                                  \
      "The Stripe mode that this deployment serves; events of the other mode never reach the ledger.")       \
    X(payloads, "INSTEP_PAYLOADS", TEXT, "off", "off or redacted", 3, 8, 0,                                  \
      "Whether Postgres keeps what each turn read from Stripe, but for INSTEP_REDACT_FIELDS; `instep event` shows it.") \
    X(queue_prefix, "INSTEP_QUEUE_PREFIX", TEXT, "instep", "name", 1, 64, 0,                                 \
      "First part of every Redis key.")                                                                      \
    X(redact_fields, "INSTEP_REDACT_FIELDS", TEXT,                                                           \
      "address,billing_details,business_name,client_secret,confirmation_secret,custom_fields,customer_address,customer_details,"    \
      "customer_email,customer_name,customer_phone,customer_shipping,customer_tax_ids,email,evidence,hosted_invoice_url,"           \
      "individual_name,invoice_pdf,name,payment_method_details,phone,receipt_email,receipt_url,shipping,shipping_details,url",      \
      "list", 1, 4096, 0,                                                                                    \
      "Fields of Stripe's objects, at any depth, that are hidden in kept payloads, comma-separated; what is given replaces the whole list.") \
    X(redis_timeout_ms, "INSTEP_REDIS_TIMEOUT_MS", NUMBER, "3000", "milliseconds", 50, 60000, 0,             \
      "A command without an answer for this long means that the connection is dead.")                        \
    X(request_timeout_ms, "INSTEP_REQUEST_TIMEOUT_MS", NUMBER, "10000", "milliseconds", 100, 600000, 0,      \
      "First byte to last byte of a request.")                                                               \
    X(retention_days, "INSTEP_RETENTION_DAYS", NUMBER, "90", "days", 31, 36500, 0,                           \
      "What `instep prune` leaves: events and turns that led to nothing, and kept payloads, go when they are older. Stripe resends events for up to 30 days.") \
    X(retry_base_ms, "INSTEP_RETRY_BASE_MS", NUMBER, "1000", "milliseconds", 1, 3600000, 0,                  \
      "Delay before the second attempt; doubles with each further one, with jitter.")                        \
    X(retry_max_ms, "INSTEP_RETRY_MAX_MS", NUMBER, "3600000", "milliseconds", 1, 86400000, 0,                \
      "Longest delay between two attempts.")                                                                 \
    X(signature_tolerance_s, "INSTEP_SIGNATURE_TOLERANCE_S", NUMBER, "300", "seconds", 1, 86400, 0,          \
      "How far a signature's time may be from ours, either way.")                                            \
    X(stripe_connections, "INSTEP_STRIPE_CONNECTIONS", NUMBER, "16", "connections", 1, 256, 0,               \
      "Kept-alive connections of one worker to Stripe.")                                                     \
    X(stripe_endpoint_rate, "INSTEP_STRIPE_ENDPOINT_RATE", NUMBER, "20", "requests per second", 1, 100000, 0, \
      "Shared budget of one Stripe endpoint, over all workers.")                                             \
    X(stripe_rate, "INSTEP_STRIPE_RATE", NUMBER, "0", "requests per second", 0, 100000, 0,                   \
      "Shared Stripe budget over all workers; 0 means 80 in live mode and 20 in test mode.")                 \
    X(stripe_timeout_ms, "INSTEP_STRIPE_TIMEOUT_MS", NUMBER, "15000", "milliseconds", 50, 120000, 0,         \
      "Deadline of one Stripe request.")                                                                     \
    X(turns_max, "INSTEP_TURNS_MAX", NUMBER, "64", "turns", 1, 1024, 0,                                      \
      "Turns in flight in one worker.")                                                                      \
    X(user_metadata_keys, "INSTEP_USER_METADATA_KEYS", TEXT, "user_id", "list", 1, 1024, 0,                  \
      "Metadata keys that name the app's user, comma-separated, first match wins; looked for on subscription, customer and checkout session.") \
    X(redis_url, "REDIS_URL", SECRET, "redis://127.0.0.1:6379/0", "redis:// URL", 1, 4096, INGEST | WORKER,  \
      "Redis: redis://[[user]:password@]host[:port][/db].")                                                  \
    X(stripe_api_base, "STRIPE_API_BASE", TEXT, "https://api.stripe.com", "URL", 1, 1024, 0,                 \
      "Where the Stripe API is; a simulator's address for trying things out.")                               \
    X(stripe_api_key, "STRIPE_API_KEY", SECRET, "", "key", 8, 1024, WORKER,                                  \
      "Restricted, read-only Stripe key of the mode served.")                                                \
    X(stripe_api_version, "STRIPE_API_VERSION", TEXT, "2026-10-28.endive", "version", 10, 64, 0,             \
      "Pinned on every read: any version from 2024-10-28.acacia on.")                                                                               \
    X(stripe_webhook_secrets, "STRIPE_WEBHOOK_SECRETS", SECRET, "", "list", 8, 4096, INGEST,                 \
      "Signing secrets, comma-separated; any of them verifies, so that one can be rotated.")
// clang-format on
